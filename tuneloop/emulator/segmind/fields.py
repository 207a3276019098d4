"""How a field of a Segmind request may look, and what a request with another one is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.segmind.refusals import Refused


@dataclass(frozen=True)
class Field:
    """One field of a JSON body. Make one with `text`, `flag`, `integer`, `number` or `choice`."""

    types: tuple[type, ...]
    what: str
    """The type in words."""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = True
    blank: bool = False
    """Whether a text may be empty."""

    def check(self, name: str, value: Any) -> None:
        """Refuse a value of a wrong type (400) or outside the documented values (406).

        Raises:
            Refused: with the name of the field, what is wrong and what would be right.
        """
        # In Python True is an integer; in JSON it is not.
        mistyped = not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types)
        empty = isinstance(value, str) and not self.choices and not self.blank and not value.strip()
        if mistyped or empty:
            raise Refused(400, f"{name} must be {self.what}")
        if self.choices and value not in self.choices:
            raise Refused(406, f"{name} must be one of {', '.join(self.choices)}")
        if self.low is not None and value < self.low:
            raise Refused(406, f"{name} must be at least {self.low:g}")
        if self.high is not None and value > self.high:
            raise Refused(406, f"{name} must be at most {self.high:g}")


def text(*, required: bool = True) -> Field:
    """Any text that is not blank."""
    return Field((str,), "a non-empty string", required=required)


def text_or_nothing() -> Field:
    """Any text, also an empty one, or null, or left out."""
    return Field((str, type(None)), "a string or null", required=False, blank=True)


def flag(*, required: bool = True) -> Field:
    """True or false."""
    return Field((bool,), "a boolean", required=required)


def integer(low: int | None = None, high: int | None = None, *, required: bool = True) -> Field:
    """A whole number, bounds included."""
    return Field((int,), "an integer", low, high, required=required)


def number(low: float | None = None, high: float | None = None, *, required: bool = True) -> Field:
    """A number, bounds included."""
    return Field((int, float), "a number", low, high, required=required)


def choice(*choices: str, required: bool = True) -> Field:
    """One of the documented words."""
    return Field((str,), "a string", choices=choices, required=required)


def check(body: Mapping[str, Any], fields: Mapping[str, Field], *, where: str = "", others: bool = False) -> None:
    """Check a JSON object field by field.

    Args:
        body: the object.
        fields: the fields it may have.
        where: prefix of the names in messages.
        others: whether it may have further fields, each a single value.

    Raises:
        Refused: 400 for an unknown, missing or mistyped field, 406 for a value out of bounds.
    """
    for name, value in body.items():
        if name not in fields and not others:
            raise Refused(400, f"{where}{name} is not a field of this request")
        if name not in fields and not isinstance(value, str | int | float):
            raise Refused(400, f"{where}{name} must be a single value")
    for name, field in fields.items():
        if name in body:
            field.check(f"{where}{name}", body[name])
        elif field.required:
            raise Refused(400, f"{where}{name} is required")

"""The documented exchanges: what a provider's pages say goes over the wire, as data.

One JSON file for each provider. Both sides are held against it: the emulator must answer a documented
request as documented, a client must send what is documented and understand the documented answer.

`${name}` in a request stands for what only a running provider knows; `${origin}` in an answer for the
address that answered.
"""

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal

Form = Literal["none", "json", "text", "broken json", "multipart", "urlencoded", "bytes", "chunked"]


@dataclass(frozen=True)
class DocumentedRequest:
    method: str
    path: str
    """From the root, or a whole URL."""
    headers: dict[str, str]
    """Those that matter, without Content-Type, which follows from `form`."""
    form: Form
    body: Any


@dataclass(frozen=True)
class DocumentedResponse:
    status: int
    content_type: str | None
    body: Any = None
    """A JSON answer: its keys and types are documented, its values an example."""
    fixed: tuple[str, ...] = ()
    """Keys of the body whose value is documented too."""
    text: str | None = None
    """A text answer; of an error page, the part that matters."""
    headers: dict[str, str] | None = None
    """Headers that must be there, with examples of their values."""
    base64: str | None = None
    """A binary answer, an example."""
    any_type: tuple[str, ...] = ()
    """Keys whose value may be of any type: the body's is an example."""

    def content(self, origin: str) -> bytes:
        """Return the example as it goes over the wire."""
        if self.base64 is not None:
            return b64decode(self.base64)
        if self.text is not None:
            return Template(self.text).safe_substitute(origin=origin).encode()
        if self.content_type == "application/json":
            return Template(json.dumps(self.body)).safe_substitute(origin=origin).encode()
        return b""


@dataclass(frozen=True)
class Exchange:
    name: str
    source: str
    """The page the exchange comes from."""
    request: DocumentedRequest
    response: DocumentedResponse
    theme: str = "FLUX"
    """Segmind: theme of the trainings that the account has."""
    fault: dict[str, Any] | None = None
    """What the emulator must be told first, for an answer that no request alone brings about."""
    switches: dict[str, Any] | None = None
    """How the emulator must be set first, where the sources name several ways to answer."""
    absent_headers: tuple[str, ...] = ()
    """Headers the answer is documented not to have."""


def exchanges(provider: str) -> list[Exchange]:
    """Return the documented exchanges of one provider."""
    rows = json.loads(Path(__file__).with_name(f"{provider}.json").read_text("utf-8"))
    return [
        Exchange(
            name=row["name"],
            source=row["source"],
            request=DocumentedRequest(**row["request"]),
            response=_response(row["response"]),
            theme=row.get("theme", "FLUX"),
            fault=row.get("fault"),
            switches=row.get("switches"),
            absent_headers=tuple(row.get("absent_headers", ())),
        )
        for row in rows
    ]


def _response(row: dict[str, Any]) -> DocumentedResponse:
    return DocumentedResponse(
        **{**row, "fixed": tuple(row.get("fixed", ())), "any_type": tuple(row.get("any_type", ()))}
    )


def exchange(provider: str, name: str) -> Exchange:
    """Return one documented exchange by its name."""
    (found,) = [documented for documented in exchanges(provider) if documented.name == name]
    return found


def filled(value: Any, values: dict[str, str]) -> Any:
    """Return a JSON value with its `${name}` placeholders filled in; a name that is not known is an error."""
    if isinstance(value, str):
        return Template(value).substitute(values)
    if isinstance(value, dict):
        return {key: filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, values) for inner in value]
    return value


def difference(documented: Any, actual: Any, where: str = "body", any_type: tuple[str, ...] = ()) -> str | None:
    """Return where an answer is not shaped as documented, None if it is.

    A documented null may also be a text; a documented whole number any number. Of a documented list, the
    first element stands for all. An object must have the documented keys and no others, but for
    `advance_parameters`, which holds what was sent.
    """
    if where.rpartition(".")[2] in any_type:
        return None
    if documented is None:
        return None if actual is None or isinstance(actual, str) else f"{where}: {actual!r} is no text"
    if isinstance(documented, dict) and isinstance(actual, dict):
        open_ended = where.endswith("advance_parameters")
        if not open_ended and documented.keys() != actual.keys():
            return f"{where}: keys {sorted(documented.keys() ^ actual.keys())} are on one side only"
        pairs = [(key, documented[key], actual.get(key)) for key in documented if not open_ended or key in actual]
        found = (difference(inner, got, f"{where}.{key}", any_type) for key, inner, got in pairs)
        return next((text for text in found if text), None)
    if isinstance(documented, list) and isinstance(actual, list):
        found = (difference(documented[0], got, f"{where}[{n}]", any_type) for n, got in enumerate(actual))
        return next((text for text in found if text), None)
    kinds = (int, float) if isinstance(documented, int) and not isinstance(documented, bool) else type(documented)
    return None if isinstance(actual, kinds) else f"{where}: {actual!r} is not like {documented!r}"

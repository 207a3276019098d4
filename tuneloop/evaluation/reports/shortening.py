"""Texts of any length in a place for a short one."""

from __future__ import annotations

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def shortened(text: str, most: int) -> str:
    """A text on one line, cut to a number of characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + _ELLIPSIS


def whole_if_cut(text: str, most: int) -> str | None:
    """The whole text where `shortened` loses some of it, None where it does not."""
    return text if len(" ".join(text.split())) > most else None

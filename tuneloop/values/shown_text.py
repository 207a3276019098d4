"""Texts of providers, of files and of people, spelled so that they are shown and never obeyed."""

from __future__ import annotations

import re

from tuneloop.values.findings import printable

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#|~!])")


def visible(text: str) -> str:
    """Spell what a terminal would obey, such as an escape character in a provider's answer. Lines stay lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def in_markdown(text: str, most: int | None = None) -> str:
    """Spell any text so that it is shown as it is, in one line or table cell of markdown.

    Args:
        text: The text.
        most: Most characters of it.
    """
    shown = printable(" ".join(text.split()))
    if most is not None and len(shown) > most:
        shown = shown[: most - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

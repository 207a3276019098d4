"""Texts of providers, of files and of people, spelled so that they are shown and never obeyed."""

from __future__ import annotations

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#|~!])")


def printable(text: str) -> str:
    """Spell what a terminal would obey, such as an escape character in a file's name, as a backslash escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def visible(text: str) -> str:
    """Spell a text so that it is printable, and let its lines be lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def in_markdown(text: str, most: int | None = None) -> str:
    """Spell a text so that it is shown as it is, in one line or cell of markdown; `most` characters of it."""
    shown = printable(" ".join(text.split()))
    if most is not None and len(shown) > most:
        shown = shown[: most - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""What commands print, also of what somebody else has written: for people, or as JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from tuneloop.schemas.shown_text import visible


def shown(text: str, style: str = "") -> Text:
    """A text as it is: no markup and no links in it, and nothing that a terminal would obey."""
    return Text(visible(text), style)


def say(text: object, *, err: bool = False) -> None:
    """Print a line as it is, to standard output or standard error."""
    print_text(Console(stderr=err, highlight=False), shown(str(text)))


def print_text(console: Console, text: Text) -> None:
    """Print lines, which a terminal gets wrapped at spaces; what is longer, such as an address, stays whole."""
    for line in text.split("\n", allow_blank=True):
        for piece in _wrapped(line, console.width) if console.is_terminal else [line]:
            console.print(piece, soft_wrap=True)


def _wrapped(line: Text, width: int) -> Iterable[Text]:
    """Wrap a line, indented as it begins. Rich's own wrapping breaks a word that is longer than a line."""
    indent = len(line.plain) - len(line.plain.lstrip())
    starts, room = [indent], width - indent
    for word in re.finditer(r"\S+", line.plain):
        if word.end() - starts[-1] > room and word.start() > starts[-1]:
            starts.append(word.start())
    for piece in line.divide(starts)[1:]:
        piece.rstrip()
        piece.pad_left(indent)
        yield piece


def console_for(*, as_json: bool) -> Console:
    """Where a command shows what it has found: standard output, or nowhere beside a document."""
    return Console(quiet=as_json)


def print_json(document: Any) -> None:
    """Print the one document of a command with `--json`."""
    typer.echo(json.dumps(document, indent=1))


def tell(document: Any, *lines: object, as_json: bool) -> None:
    """Print what was done, in lines for people or as a document for programs."""
    if as_json:
        print_json(document)
        return
    for line in lines:
        say(line)


def progress_bar(*columns: ProgressColumn, console: Console | None = None) -> Progress:
    """A bar, on standard error as a rule, that is gone afterwards; none where nobody watches."""
    console = console or Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

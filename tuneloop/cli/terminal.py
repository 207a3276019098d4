"""What commands print that somebody else has written."""

from __future__ import annotations

import typer
from rich.text import Text

from tuneloop.schemas.shown_text import visible


def shown(text: str, style: str = "") -> Text:
    """A text as it is: no markup and no links in it, and nothing that a terminal would obey."""
    return Text(visible(text), style)


def say(text: object, *, err: bool = False) -> None:
    """Print a line as it is, to standard output or standard error."""
    typer.echo(visible(str(text)), err=err)

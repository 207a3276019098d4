"""What commands print and write, also of what somebody else has written."""

from __future__ import annotations

import json
from pathlib import Path
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
    typer.echo(visible(str(text)), err=err)


def write_json(file: Path | None, document: Any) -> None:
    """Write a document where `--json` names a file."""
    if file is not None:
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def progress_bar(*columns: ProgressColumn, console: Console | None = None) -> Progress:
    """A bar, on standard error as a rule, that is gone afterwards; none where nobody watches."""
    console = console or Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

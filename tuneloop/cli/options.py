"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="Name of the model.")]
Store = Annotated[str | None, typer.Option(help="The store's block; TUNELOOP_STORE without it.")]
StoreOrAddress = Annotated[
    str | None,
    typer.Option(help="The store's block, or its address: file:///… or s3://…; TUNELOOP_STORE without it."),
]
Accounts = Annotated[
    list[str] | None, typer.Option(help="An account's block, again for each; all of the server's without it.")
]
Version = Annotated[int | None, typer.Option(help="An earlier champion, by its number; the champion without it.")]
Reason = Annotated[str, typer.Option(help="Why. It is kept in the model's records.")]
TriggerWord = Annotated[str | None, typer.Option(help="The word that calls the subject.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the same to this file as JSON.")]

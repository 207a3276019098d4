"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

SET_STORE = "[default: $TUNELOOP_STORE]"

Model = Annotated[str, typer.Argument(help="Name of the model.")]
BY_ADDRESS = "; or name the store by its address, such as --store file:///folder"
"""What a command may be told in place of a server, if it only looks."""
Store = Annotated[str | None, typer.Option(help=f"The store's block. {SET_STORE}")]
StoreOrAddress = Annotated[
    str | None, typer.Option(help=f"The store's block, or its address: file:///… or s3://…. {SET_STORE}")
]
Accounts = Annotated[
    list[str] | None, typer.Option(help="An account's block; repeat for each. Default: all on the server.")
]
Version = Annotated[int | None, typer.Option(help="An earlier champion, by its number; default: the champion.")]
Reason = Annotated[str, typer.Option(help="Why. It is kept in the model's records.")]
TriggerWord = Annotated[str | None, typer.Option(help="The word that stands for the subject.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def named_store(store: str | None) -> str:
    """The store that a command was given, or else the one that is set."""
    from tuneloop.settings import Settings  # noqa: PLC0415 - `tuneloop --help` needs none

    return store or Settings().store

"""The commands that make and move stores."""

from __future__ import annotations

from typing import Annotated

import typer

from tuneloop.cli.options import Json
from tuneloop.cli.panels import Commands
from tuneloop.cli.terminal import tell
from tuneloop.orchestration.server_address import use_server

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Create a store, or let this Prefect server drive one.")

Slug = Annotated[
    str, typer.Argument(metavar="STORE", help="The store's block: s3-bucket/NAME or local-file-system/NAME.")
]


@app.command()
def init(
    slug: Slug,
    account: Annotated[
        str | None,
        typer.Option(
            help="A credentials block: its account trains into this store from now on, at the block's address."
        ),
    ] = None,
    *,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace the store that this Prefect server knows by that name. What only the old one has on "
            "record may be paid again.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a store where there is none yet, and let this Prefect server drive it. May be repeated."""
    use_server()
    from tuneloop.orchestration.stores import init_store

    done = init_store(slug, replace=replace, account=account)
    tell({"store": slug, "done": done}, done, as_json=as_json)


@app.command()
def move(slug: Slug, *, as_json: Json = False) -> None:
    """Let this Prefect server drive a store that another one has driven. Stop the other one's worker first."""
    use_server()
    from tuneloop.orchestration.stores import move_store

    done = move_store(slug)
    tell({"store": slug, "done": done}, done, as_json=as_json)

"""The commands that show models and use them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tuneloop.cli.options import BY_ADDRESS, Json, Model, Reason, Store, StoreOrAddress, Version, named_store
from tuneloop.cli.panels import DECIDE, INSPECT, USE
from tuneloop.cli.terminal import console_for, print_json, tell
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.server_address import is_address, link_to_own_reports, use_server
from tuneloop.settings import REPORTS_PORT

if TYPE_CHECKING:
    from tuneloop.ledger.ledger import Ledger

app = typer.Typer()

_DECIDED_BY = "a person, at the command line"


def _ledger(store: str | None, *, emits: bool = False, instead: str = "") -> Ledger:
    store = named_store(store)
    if is_address(store):
        raise ConfigurationError(
            f"{store}: this command needs the store's block; metrics, models, pull, reports and status take one"
        )
    use_server(emits=emits, instead=instead)
    if store == named_store(None):
        link_to_own_reports()
    from tuneloop.ledger.ledger import Ledger
    from tuneloop.orchestration.blocks import open_store

    return Ledger(open_store(store))


def _read_only_ledger(store: str | None) -> Ledger:
    """The ledger of a store that is only read; one that is named by its address needs no Prefect."""
    store = named_store(store)
    if not is_address(store):
        return _ledger(store, instead=BY_ADDRESS)
    from tuneloop.cli.store_address import store_at
    from tuneloop.ledger.ledger import Ledger

    return Ledger(store_at(store))


@app.command(rich_help_panel=INSPECT)
def models(
    model: Annotated[str | None, typer.Argument(help="A model's name: its champions, newest first.")] = None,
    store: StoreOrAddress = None,
    *,
    as_json: Json = False,
) -> None:
    """List every model with its champion: number, since when, why; or all champions of one model.

    Ends with 1 where a record cannot be read or a champion's weights are gone.
    """
    ledger = _read_only_ledger(store)
    from tuneloop.cli.show_models import show_models

    document, readable = show_models(ledger, model, console_for(as_json=as_json))
    if as_json:
        print_json(document)
    sys.exit(not readable)


@app.command(rich_help_panel=INSPECT)
def reports(
    model: Annotated[str | None, typer.Argument(help="A model's name: only its reports.")] = None,
    store: StoreOrAddress = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = REPORTS_PORT,
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the pages of a store in a folder to a browser, until Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List where each report can be opened, newest first: on S3 by signed links, which last a week.

    With --serve: a server of the pages and images of a store in a folder, which shows nothing else.
    """
    if serve and (model or as_json):
        raise ConfigurationError("--serve shows every page and prints no document; leave out MODEL and --json")
    opened = _read_only_ledger(store).store
    from tuneloop.cli.reports import serve_reports, show_reports

    if serve:
        serve_reports(opened, host, port)
    else:
        show_reports(opened, model, as_json=as_json)


@app.command(rich_help_panel=DECIDE)
def rollback(
    model: Model,
    version: Annotated[
        int, typer.Option(help="The champion to restore, by its number; see `tuneloop models MODEL`.")
    ],
    reason: Reason,
    store: Store = None,
    *,
    as_json: Json = False,
) -> None:
    """Put an earlier champion back, under the next number. Nothing is trained, rendered or deleted."""
    ledger = _ledger(store, emits=True)
    from tuneloop.orchestration.events import emit_rolled_back
    from tuneloop.registry.models import save_model_page
    from tuneloop.registry.rollback import roll_back
    from tuneloop.storage.page_link import page_link

    done = roll_back(ledger, model, version, reason, _DECIDED_BY)
    page = save_model_page(ledger, model)
    document = {
        "model": model,
        "version": done.champion.number,
        "put_back": done.to,
        "replaced": done.replaced.number if done.replaced else None,
        "page": ledger.store.uri_of(page),
    }
    tell(document, done.summary, f"Page: {page_link(ledger.store, page).text}", as_json=as_json)
    if done.champion.rolled_back_to is not None:
        # Emitted again where a crash came between record and event: one id, one event.
        emit_rolled_back(done.champion)


@app.command(rich_help_panel=DECIDE)
def review(
    model: Model,
    reason: Reason,
    *,
    approve: Annotated[
        bool, typer.Option("--approve/--reject", help="Promote the challenger, or keep the champion.")
    ],
    run: Annotated[
        str | None,
        typer.Option(
            help="If several ask: id of the waiting run, or the job that it asks about; its beginning is enough."
        ),
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Answer an undecided gate. The waiting run ends with your decision."""
    ledger = _ledger(store, emits=True)
    from tuneloop.cli.review import review_and_tell

    review_and_tell(
        ledger, model, approve=approve, reason=reason, decided_by=_DECIDED_BY, run_id=run or "", as_json=as_json
    )


@app.command(rich_help_panel=USE)
def pull(
    model: Model,
    output: Annotated[Path | None, typer.Option(help="File or folder; default: the current folder.")] = None,
    version: Version = None,
    store: StoreOrAddress = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace another file of this name.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a champion's weights into a file, which appears only when its sha256 is right."""
    ledger = _read_only_ledger(store)
    from tuneloop.cli.champion import pull_model
    from tuneloop.registry.models import get_version

    promotion = get_version(ledger, model, version)
    pulled = pull_model(ledger.store, promotion, output, Console(stderr=True), overwrite=force)
    tell(pulled.document(), pulled.summary, as_json=as_json)


@app.command(rich_help_panel=USE)
def generate(
    model: Model,
    prompt: Annotated[str, typer.Argument(help="What to render; {trigger} stands for the trigger word.")],
    seed: Annotated[int | None, typer.Option(help="The seed; default: a random one.", min=0)] = None,
    output: Annotated[
        Path | None, typer.Option(help="Output file, with the suffix of the image's format; or a folder.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="The image to edit, for models that edit.")] = None,
    version: Version = None,
    store: Store = None,
    *,
    as_json: Json = False,
) -> None:
    """Render one image with the champion. The provider bills it; it is requested once."""
    ledger = _ledger(store)
    from tuneloop.cli.champion import generate_by_champion
    from tuneloop.orchestration.blocks import open_account
    from tuneloop.registry.models import get_version

    promotion = get_version(ledger, model, version)
    console = Console(stderr=True)
    request, file = generate_by_champion(ledger, promotion, prompt, seed, output, image, open_account, console)
    document = {
        "model": model,
        "version": promotion.number,
        "file": str(file),
        "prompt": request.prompt,
        "seed": request.seed,
        "endpoint": request.settings.endpoint,
    }
    tell(document, file, as_json=as_json)

"""The commands of a project: `init`, `up`, `run`, `compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tuneloop.cli.options import SET_STORE, Json, Model, TriggerWord, named_store
from tuneloop.cli.panels import START
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.server_address import named_server, use_server

app = typer.Typer()


@app.command(rich_help_panel=START)
def init(  # noqa: PLR0913, PLR0917 - the five answers, and what goes with them
    folder: Annotated[Path, typer.Argument(help="Folder of the new project; made if it is missing.")] = Path(),
    images: Annotated[
        str | None, typer.Option(help="Folder of images, a zip or its address, s3://… or hf://datasets/….")
    ] = None,
    trigger_word: TriggerWord = None,
    trainer: Annotated[str | None, typer.Option(help="Which trainer, such as flux-lora.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The provider's API key, else TUNELOOP_API_KEY; - reads it from standard input."),
    ] = None,
    block: Annotated[str | None, typer.Option(help="An existing credentials block, instead of a key.")] = None,
    schedule: Annotated[str | None, typer.Option(help="nightly, hourly, weekly, never, or a cron.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of the model; default: that of the folder.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Another address of the API: of the emulator, a proxy.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Bring the flows and blocks of a project to this version of Tuneloop.")
    ] = False,
) -> None:
    """Make a project: flows, blocks and the deployment of one model, from five answers."""
    from tuneloop.cli.init import Given, init_project, renew_project

    if renew:
        renew_project(folder)
        return
    init_project(folder, Given(images, trigger_word, trainer, key, block, schedule, model, base_url), ask=not yes)


@app.command(rich_help_panel=START)
def up() -> None:
    """Run the project in this folder: Prefect server, worker and deployments, until Ctrl-C.

    A server that PREFECT_API_URL or a Prefect profile names is used; without one the project gets its own.
    """
    from tuneloop.cli.up import run_up

    run_up(named_server())


@app.command(rich_help_panel=START)
def run(
    model: Model,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be submitted, why, and at what price.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the run to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Start a model's deployment, and follow its run to its end.

    Ends with 1 where the run fails, or waits for your answer.
    """
    use_server()
    from tuneloop.cli.run import run_model

    sys.exit(not run_model(model, dry_run=dry_run, watch=watch, as_json=as_json))


@app.command(rich_help_panel=START)
def compare(
    file: Annotated[Path, typer.Argument(help="A file with a dataset, recipes, prompts, seeds and a budget.")],
    store: Annotated[
        str | None, typer.Option(help=f"The store's block, where the file names none. {SET_STORE}")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would cost.")] = False,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the run to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Train one dataset with several trainers under one budget, and rank what comes of it on one page.

    Shows the prices, starts the deployment `compare`, and follows its run. Nothing is promoted by itself: the run
    asks. Ends with 1 where it fails, costs too much, or waits for your answer.
    """
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    use_server()
    from tuneloop.cli.compare import compare_trainers

    done = compare_trainers(file, named_store(store), dry_run=dry_run, watch=watch, as_json=as_json)
    sys.exit(not done)

"""The command `tuneloop`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tuneloop import __version__
from tuneloop.cli import metrics, models, project, stores
from tuneloop.cli.exit_codes import INTERRUPTED, USAGE, exit_code_of
from tuneloop.cli.options import (
    BY_ADDRESS,
    SET_STORE,
    Accounts,
    Json,
    Store,
    StoreOrAddress,
    TriggerWord,
    named_store,
)
from tuneloop.cli.panels import DECIDE, INSPECT, SERVE, START, Commands
from tuneloop.cli.terminal import say, tell
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.server_address import is_address, send_events, trouble_with_server, use_server

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done; 1 the answer is no, or something needs attention; 2 wrong input; "
    "3 something did not respond.",
)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"tuneloop {__version__}")
        raise typer.Exit


@app.callback()
def tuneloop(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Retrain image models on hosted fine-tuning APIs: paid once, never lost, promoted by a decision."""


@app.command(rich_help_panel=START)
def demo(
    folder: Annotated[Path, typer.Option(help="The demo's own folder; it is emptied first.")] = Path(".demo"),
    dataset: Annotated[Path | None, typer.Option(help="Folder of images to use; never changed.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Which trainer to use, such as kontext-lora.")] = None,
    store: Annotated[Literal["local", "s3"], typer.Option(help="Where artifacts go.")] = "local",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the result to this file, as JSON.")
    ] = None,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="Exit when done, and leave nothing running.")] = False,
) -> None:
    """Retrain a sample model three times, on an emulated provider and a Prefect server of its own."""
    from tuneloop.cli.demo import run_demo
    from tuneloop.providers.registry import recipe_type
    from tuneloop.schemas.recipe_fields import trainer_of

    stay, trainer = not leave and sys.stdout.isatty(), trainer_of(recipe_type(None, recipe))
    sys.exit(not run_demo(folder, dataset, store, trainer, json_file, stay=stay))


@app.command(rich_help_panel=SERVE)
def emulator(
    provider: Annotated[str | None, typer.Option(help="Which provider to emulate; default: the first.")] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks a free one.")] = 8787,
    folder: Annotated[Path, typer.Option(help="Where its state lives.")] = Path(".emulator"),
) -> None:
    """Run an emulated provider; prints its address and a test key."""
    from tuneloop.emulator import serve
    from tuneloop.providers.registry import PROVIDERS, row_of

    serve(row_of(provider or PROVIDERS[0].name).name, port, folder)


@app.command(rich_help_panel=START)
def deploy(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Delete nothing; only list what is no longer in any file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every deployment file, then deploy prefect.yaml and deployments/*.yaml.

    Makes the stores that they name where there are none yet, and refuses those that are not what they were. What
    was paused in the UI stays paused. Deployments and schedules that were deployed from this folder and are in no
    file any more are deleted.
    """
    use_server()
    from tuneloop.cli.status import missing_for_the_sensor
    from tuneloop.orchestration.deploy import deploy_all, prepare_server

    prepare_server()
    done = deploy_all(keep=keep)
    missing = missing_for_the_sensor()
    lines = [*done, *(f"still missing: {line}" for line in missing)]
    tell({"done": done, "missing": missing}, *lines, as_json=as_json)


@app.command(rich_help_panel=SERVE)
def automations(
    notify: Annotated[
        str | None, typer.Option(help="A notification block to use, such as slack-webhook/alerts.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Create or renew Prefect automations: help for dead runs and, with --notify, notices.

    Notices tell of models that are promoted or need a review, of trainings that are on hold, failed, overdue or
    lost, of failed runs, and of a sensor that stops polling.
    """
    use_server()
    from tuneloop.orchestration.automations import create_automations

    names = create_automations(notify)
    tell({"automations": names}, *names, as_json=as_json)


@app.command(rich_help_panel=SERVE)
def webhooks(
    store: Annotated[list[str] | None, typer.Option(help=f"A store's block; repeat for each. {SET_STORE}")] = None,
    credentials: Accounts = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8788,
    public_url: Annotated[
        str | None, typer.Option(help="Where providers reach this receiver, https://…; for --print-urls.")
    ] = None,
    *,
    show: Annotated[
        bool, typer.Option("--print-urls", help="Print the addresses, and where to paste them, and exit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Receive webhooks. They only trigger a poll; the API's state is what is recorded."""
    if as_json and not show:
        raise ConfigurationError("--json: only --print-urls has something to print; leave it out")
    use_server(emits=not show)
    if show:
        from tuneloop.cli.webhooks import show_addresses

        show_addresses(credentials or [], public_url or f"http://{host}:{port}", as_json=as_json)
        return
    from tuneloop.orchestration.webhooks import serve_webhooks

    serve_webhooks(store or [], credentials or [], host, port)


@app.command(rich_help_panel=INSPECT)
def check(
    dataset: Annotated[
        str,
        typer.Argument(help="Folder of images with captions, a zip or its address, s3://… or hf://datasets/…."),
    ],
    provider: Annotated[str, typer.Option(help="Provider whose limits apply.")],
    trainer: Annotated[
        str | None, typer.Option(help="Which of its trainers, such as kontext-lora; default: its first.")
    ] = None,
    trigger_word: TriggerWord = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")] = False,
    as_json: Json = False,
) -> None:
    """List everything that is wrong with a dataset: which file, why, and what to do. Nothing is sent.

    Ends with 1 where a run would reject it.
    """
    from tuneloop.cli.check import check_dataset

    sys.exit(not check_dataset(dataset, provider, trainer, trigger_word, strict=strict, as_json=as_json))


@app.command(rich_help_panel=INSPECT)
def plan(
    file: Annotated[Path, typer.Argument(help="A deployment file, such as deployments/my-model.yaml.")],
    *,
    as_json: Json = False,
) -> None:
    """Show what a deployment would submit if it ran now, why, and at what price. Nothing is written or sent."""
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    use_server()
    from tuneloop.cli.plan import show_plans

    show_plans(file, as_json=as_json)


@app.command(rich_help_panel=INSPECT)
def status(store: StoreOrAddress = None, credentials: Accounts = None, *, as_json: Json = False) -> None:
    """List what is in flight, held, or paid and not tracked, and what each model has spent.

    Ends with 1 where something needs attention. With an address, only what the store knows is listed.
    """
    store = named_store(store)
    if is_address(store):
        from tuneloop.cli.store_status import show_store

        sys.exit(show_store(store, as_json=as_json))
    use_server(instead=BY_ADDRESS)
    from tuneloop.cli.status import show_status

    sys.exit(show_status(store, credentials or [], as_json=as_json))


@app.command(rich_help_panel=INSPECT)
def doctor(*, as_json: Json = False) -> None:
    """Check the installation: server, workers, blocks, stores, accounts, clocks, disks, deployments.

    Names the remedy of what is wrong. Nothing is paid or changed. Ends with 1 where something needs attention, and
    with 3 where the Prefect server does not respond.
    """
    named_by = use_server()
    from tuneloop.cli.doctor import diagnose_and_leave

    diagnose_and_leave(named_by, as_json=as_json)


@app.command(rich_help_panel=DECIDE)
def adopt(  # noqa: PLR0913 - what a fine-tune needs that nobody here has made
    model: Annotated[str, typer.Argument(help="Name of the model here.")],
    job_id: Annotated[str, typer.Option("--job-id", help="The provider's id of the fine-tune.")],
    provider: Annotated[str | None, typer.Option(help="The provider that has it; default: the trainer's.")] = None,
    trainer: Annotated[
        str | None,
        typer.Option(help="The trainer that made it, such as kontext-lora; default: the provider's first."),
    ] = None,
    trigger_word: TriggerWord = None,
    dataset: Annotated[Path | None, typer.Option(help="Images it was trained on, if you have them.")] = None,
    credentials: Annotated[str | None, typer.Option(help="The account's block.")] = None,
    store: Store = None,
    *,
    as_json: Json = False,
) -> None:
    """Import a fine-tune that was made elsewhere: its weights, an evaluation, a champion. Nothing is trained."""
    use_server(emits=True)
    from tuneloop.cli.adopt import run_adoption
    from tuneloop.providers.registry import recipe_type, row_of
    from tuneloop.schemas.recipe_fields import trainer_of

    recipe = recipe_type(provider, trainer)
    parameters = {
        "model": model,
        "job_id": job_id,
        "trainer": trainer_of(recipe),
        "trigger_word": trigger_word,
        "dataset": str(dataset) if dataset else None,
        "store": named_store(store),
        "credentials": credentials or f"{row_of(recipe.provider).credentials}/default",
    }
    sys.exit(not run_adoption(parameters, as_json=as_json))


app.add_typer(project.app)
app.add_typer(models.app)
app.add_typer(metrics.app)
app.add_typer(stores.app, name="store", rich_help_panel=SERVE)


def main() -> None:
    """Run a command; errors of ours are one readable paragraph, not a traceback."""
    if sys.platform == "win32":
        say("tuneloop: Windows is not supported, because stores need POSIX file locks; use WSL or Linux", err=True)
        sys.exit(USAGE)
    # Prefect's usage data and its notice about them are not this command's business.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        say(f"tuneloop: {trouble_with_server(error) or error}", err=True)
        sys.exit(code)
    finally:
        send_events()


if __name__ == "__main__":
    main()

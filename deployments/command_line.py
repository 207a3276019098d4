"""The command `tuneloop`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tuneloop.errors import TuneloopError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


@app.callback()
def tuneloop() -> None:
    """Retrain image models on hosted fine-tuning APIs: paid once, never lost, promoted by a decision."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="The demo's own folder; it is emptied first.")] = Path(".demo"),
    dataset: Annotated[Path | None, typer.Option(help="Folder of pictures to use; never changed.")] = None,
    recipe: Annotated[
        Literal["flux-lora", "kontext-lora", "qwen-lora", "bfl-finetune"],
        typer.Option(help="Which trainer to use."),
    ] = "flux-lora",
    store: Annotated[Literal["local", "s3"], typer.Option(help="Where artifacts go.")] = "local",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what happened to this file.")] = None,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="End when done, and leave nothing running.")] = False,
) -> None:
    """Retrain a sample model three times, on an emulated provider and a Prefect server of its own."""
    from deployments.demo.show import Wanted, run_demo  # noqa: PLC0415 - importing Prefect takes a second

    stay = not leave and sys.stdout.isatty()
    if not run_demo(Wanted(folder, dataset, store, recipe, json_file, stay)):
        sys.exit(1)


@app.command()
def emulator(
    provider: Annotated[str, typer.Option(help="Which provider to emulate: segmind or bfl.")] = "segmind",
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1; 0 takes a free one.")] = 8787,
    folder: Annotated[Path, typer.Option(help="Where its state lives.")] = Path(".emulator"),
) -> None:
    """Run an emulated provider; prints its address and a test key."""
    from tuneloop.emulator import serve  # noqa: PLC0415 - only this command needs it

    serve(provider, port, folder)


@app.command()
def deploy() -> None:
    """Check every deployment file, then deploy prefect.yaml and deployments/*.yaml."""
    from deployments.server_ready import deploy_all, prepare_server  # noqa: PLC0415 - as above

    prepare_server()
    for file in deploy_all():
        typer.echo(f"deployed {file}")


def main() -> None:
    """Run a command; errors of ours are one readable paragraph, not a traceback."""
    try:
        app()
    except (TuneloopError, OSError, ValueError, RuntimeError) as error:
        typer.echo(f"tuneloop: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

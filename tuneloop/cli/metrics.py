"""The command `metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuneloop.cli.options import BY_ADDRESS, StoreOrAddress, named_store
from tuneloop.cli.panels import SERVE
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.server_address import is_address, use_server

app = typer.Typer()


@app.command(rich_help_panel=SERVE)
def metrics(
    store: StoreOrAddress = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="A file NAME.prom in the folder of node exporter's textfile collector, replaced atomically."
        ),
    ] = None,
) -> None:
    """Print what `status` knows as Prometheus metrics, or write them to a file. No provider is asked.

    With an address, only what the store knows: no limits, and nothing of the sensor's runs.
    """
    _check(output)
    store = named_store(store)
    if is_address(store):
        from tuneloop.cli.store_metrics import metrics_at, write_metrics

        write_metrics(metrics_at(store), output)
        return
    use_server(instead=BY_ADDRESS)
    from tuneloop.cli.server_metrics import metrics_of_block
    from tuneloop.cli.store_metrics import write_metrics

    write_metrics(metrics_of_block(store), output)


def _check(output: Path | None) -> None:
    if output is None:
        return
    if output.suffix != ".prom":
        raise ConfigurationError(f"--output {output}: node exporter reads only files that end in .prom; rename it")
    if not output.parent.is_dir():
        raise ConfigurationError(f"--output {output}: there is no folder {output.parent}; make it first")

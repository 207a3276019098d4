"""The demo as one watches it: progress while it goes, a table and addresses at its end."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tuneloop.cli.terminal import shown, write_json
from tuneloop.demo.samples import copy_samples, take_some
from tuneloop.demo.scenario import Outcome, parameters_for, run_once, set_parameters
from tuneloop.demo.stack import Stack, StoreKind, fresh_folder, running_stack
from tuneloop.orchestration.automations import create_automations
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.server_address import send_no_events
from tuneloop.providers.registry import TRAINERS
from tuneloop.schemas.shown_text import visible

_PRIVATE = {"message", "page"}


def run_demo(
    folder: Path, dataset: Path | None, store: StoreKind, trainer: str, json_file: Path | None, *, stay: bool
) -> bool:
    """Run the whole demo. Returns whether everything came out as it should.

    Args:
        folder: The demo's own folder; emptied first.
        dataset: Images to use, None for the drawn samples. Never changed.
        store: Which kind of artifact store.
        trainer: Which trainer's recipe to use.
        json_file: Where to write what happened.
        stay: Keep everything running until Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _as_interrupt)
    send_no_events()
    console, recipe = Console(), TRAINERS[trainer]
    folder = fresh_folder(folder)
    first, second = _datasets(folder, dataset, pairs=recipe.edit_pairs)
    plan = (("first training", first), ("unchanged", first), ("images added", second))
    with ExitStack() as ends:
        ends.callback(console.print, "Everything that the demo has started is ended.")
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        progress = ends.enter_context(Progress(*columns, console=console))
        task = progress.add_task("Emulated provider, Prefect server, worker, deployments", total=1)
        stack = ends.enter_context(running_stack(folder, store, recipe.provider))
        progress.update(task, completed=1, description=f"Everything runs; the UI is {stack.server_url}")
        create_automations()
        parameters = partial(parameters_for, stack=stack, trainer=trainer, own_images=dataset is not None)
        set_parameters(parameters(first))
        outcomes = [_run_one(stack, progress, name, parameters(images)) for name, images in plan]
        progress.stop()
        write_json(json_file, _document(stack, outcomes))
        _summary(console, stack, outcomes, stay=stay)
        if stay:
            console.print("[bold]Everything keeps running. Look around in the UI; Ctrl-C ends it.[/]")
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
    return [outcome.state for outcome in outcomes] == ["Completed", "Cached", "Completed"]


def _datasets(folder: Path, dataset: Path | None, *, pairs: bool) -> tuple[Path, Path]:
    """The images of the first two runs, a quarter of them, and of the third, all of them."""
    if dataset is not None:
        source = dataset.expanduser().resolve()
    else:
        source = folder / "images"
        copy_samples(source, pairs=pairs)
    some = folder / "some-images"
    take_some(source, some)
    return some, source


def _run_one(stack: Stack, progress: Progress, name: str, parameters: dict[str, Any]) -> Outcome:
    task = progress.add_task(f"[bold]{name}[/]", total=1)

    def report(line: str) -> None:
        progress.update(task, description=f"[bold]{name}[/]: {escape(visible(line))}")

    outcome = run_once(stack, name, parameters, report)
    progress.update(task, completed=1)
    return outcome


def _document(stack: Stack, outcomes: list[Outcome]) -> dict[str, Any]:
    billed = [entry.kind for entry in stack.emulator.billing()]
    runs = [{key: value for key, value in asdict(item).items() if key not in _PRIVATE} for item in outcomes]
    return {
        "runs": runs,
        "billing": {"trainings": billed.count("training"), "inferences": billed.count("inference")},
        "store": open_store(stack.store_slug).uri,
    }


def _summary(console: Console, stack: Stack, outcomes: list[Outcome], *, stay: bool) -> None:
    table = Table(title="What happened")
    for column in ("run", "state", "paid", "weights", "decision", "seconds"):
        table.add_column(column)
    for item in outcomes:
        weights = f"{item.weights['size_bytes']:,} bytes" if item.weights else "none new"
        table.add_row(
            item.name, item.state, str(item.paid_trainings), weights, shown(item.decision or "none needed"),
            f"{item.seconds:.0f}",
        )  # fmt: skip
    console.print(table)
    for item in outcomes:
        console.print(Text.assemble((item.name, "bold"), shown(f": {item.message}")))
        if stay:
            # The server that shows it ends with the demo.
            console.print(shown(f"  run    {item.page}"), soft_wrap=True)
        if item.report_uri:
            console.print(shown(f"  report {_nearby(item.report_uri)}"), soft_wrap=True)
    if stay:
        console.print(f"Prefect UI {stack.server_url}", soft_wrap=True)


def _nearby(uri: str) -> str:
    """A file below the current folder by its path from there; any other address as it is."""
    path = Path(unquote(urlsplit(uri).path))
    is_below = uri.startswith("file:") and path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if is_below else uri


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

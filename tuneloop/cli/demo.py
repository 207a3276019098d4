"""The demo as one watches it: progress while it goes, a table and addresses at its end."""

from __future__ import annotations

import json
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
from rich.table import Table
from rich.text import Text

from tuneloop.cli.terminal import shown
from tuneloop.demo.samples import copy_samples, take_some
from tuneloop.demo.scenario import Outcome, parameters_for, run_once, set_parameters
from tuneloop.demo.stack import Stack, StoreKind, fresh_folder, running_stack
from tuneloop.orchestration.automations import create_automations
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.events import LABEL_OF
from tuneloop.orchestration.server_address import send_no_events
from tuneloop.providers.registry import TRAINERS

_PRIVATE = {"message", "page", "report_link"}
_DOING = {
    "Scheduled": "waiting for the worker",
    "Late": "waiting for the worker",
    "Pending": "starting",
    "Suspended": "the provider is working; the run is suspended",
    "Submitting": "starting",
    "Resuming": "resuming",
}
"""What goes on, by the state of a run."""


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
        ends.callback(console.print, "Everything that the demo started has been stopped.")
        stack = ends.enter_context(running_stack(folder, store, recipe.provider, report=partial(_tick, console)))
        create_automations()
        parameters = partial(parameters_for, stack=stack, trainer=trainer, own_images=dataset is not None)
        set_parameters(parameters(first))
        outcomes = [_run_one(stack, console, name, parameters(images)) for name, images in plan]
        if json_file is not None:
            json_file.write_text(json.dumps(_document(stack, outcomes), indent=1) + "\n", encoding="utf-8")
        _summary(console, outcomes, stay=stay)
        _say_next(console, stack, outcomes, stay=stay)
        if stay:
            console.print(f"\nEverything keeps running: {stack.server_url} is the UI. Ctrl-C ends it.")
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
    return [outcome.state for outcome in outcomes] == ["Completed", "Cached", "Completed"]


def _tick(console: Console, done: str) -> None:
    console.print(Text.assemble(("✓ ", "green"), shown(done)))


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


def _run_one(stack: Stack, console: Console, name: str, parameters: dict[str, Any]) -> Outcome:
    with console.status(f"{name}: starting") as status:

        def report(line: str) -> None:
            status.update(f"{name}: {_DOING.get(line, line.lower())}")

        outcome = run_once(stack, name, parameters, report)
    _tick(console, f"{name}: {outcome.state}, {outcome.seconds:.0f} s")
    return outcome


def _document(stack: Stack, outcomes: list[Outcome]) -> dict[str, Any]:
    billed = [entry.kind for entry in stack.emulator.billing()]
    runs = [{key: value for key, value in asdict(item).items() if key not in _PRIVATE} for item in outcomes]
    return {
        "runs": runs,
        "billing": {"trainings": billed.count("training"), "inferences": billed.count("inference")},
        "store": open_store(stack.store_slug).uri,
    }


def _summary(console: Console, outcomes: list[Outcome], *, stay: bool) -> None:
    table = Table("run", "paid", "weights", "decision")
    for item in outcomes:
        weights = f"{item.weights['size_bytes']:,} bytes" if item.weights else "none new"
        decision = LABEL_OF[item.decision] if item.decision else "none needed"
        table.add_row(item.name, str(item.paid_trainings), weights, decision)
    console.print()
    console.print(table)
    for item in outcomes:
        console.print(Text.assemble((item.name, "bold"), shown(f": {item.message}")))
        if stay:
            # The server that shows it ends with the demo.
            console.print(shown(f"  {item.page}"), soft_wrap=True)


def _say_next(console: Console, stack: Stack, outcomes: list[Outcome], *, stay: bool) -> None:
    # The server of the pages ends with the demo, their files stay.
    reports = list(filter(None, (item.report_link if stay else item.report_uri for item in outcomes)))
    store = open_store(stack.store_slug).uri
    at = f"file://$PWD/{nearby}" if (nearby := _nearby(store)) != store else store
    console.print("\nNext:")
    if reports:
        console.print(shown(f"  open {_nearby(reports[-1])}"), soft_wrap=True)
    console.print(shown(f"  tuneloop models --store {at}"), soft_wrap=True)
    console.print(shown(f"  tuneloop pull sample-robot --store {at}"), soft_wrap=True)
    console.print("  tuneloop init robots       (a project with your own images)")


def _nearby(uri: str) -> str:
    """A file below the current folder by its path from there; any other address as it is."""
    path = Path(unquote(urlsplit(uri).path))
    is_below = uri.startswith("file:") and path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if is_below else uri


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""The demo as one watches it: progress while it goes, a table and addresses at its end."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from blocks.opening import open_store
from deployments.demo.scenario import Outcome, parameters_for, play
from deployments.demo.stack import Stack, StoreKind, fresh_folder, running_stack
from deployments.sample_pictures import draw_sample_pictures, leave_one_out

_PRIVATE = {"message", "page"}


def run_demo(folder: Path, dataset: Path | None, store: StoreKind, json_file: Path | None, *, stay: bool) -> bool:
    """Play the whole demo.

    Args:
        folder: The demo's own folder; emptied first.
        dataset: Pictures to use, None for the drawn samples. Never changed.
        store: Which kind of artifact store.
        json_file: Where to write what happened.
        stay: Keep everything running until Ctrl-C.

    Returns:
        Whether everything came out as it should.
    """
    signal.signal(signal.SIGTERM, _as_interrupt)
    console = Console()
    home = fresh_folder(folder)
    first, second = _datasets(home, dataset)
    with _progress(console) as progress:
        task = progress.add_task("Emulated provider, Prefect server, worker, deployments", total=1)
        context = running_stack(home, store)
        stack = context.__enter__()
        try:
            progress.update(task, completed=1, description=f"Everything runs; the UI is {stack.server_url}")
            plan = (("first training", first), ("unchanged", first), ("pictures changed", second))
            outcomes = [
                _play_one(stack, progress, name, pictures, own_pictures=dataset is not None)
                for name, pictures in plan
            ]
            progress.stop()
            _write(json_file, stack, outcomes)
            _summary(console, stack, outcomes)
            if stay:
                _stay(console)
        finally:
            progress.stop()
            console.print("Ending every program that the demo has started …")
            context.__exit__(None, None, None)
    shutil.rmtree(home / "prefect" / "storage", ignore_errors=True)
    return [outcome.state for outcome in outcomes] == ["Completed", "Unchanged", "Completed"]


def _datasets(home: Path, dataset: Path | None) -> tuple[Path, Path]:
    """The pictures of the first two runs, and of the third, where one is left out."""
    source = dataset.expanduser().resolve() if dataset else home / "pictures"
    if dataset is None:
        draw_sample_pictures(source)
    changed = home / "pictures-changed"
    leave_one_out(source, changed)
    return source, changed


def _progress(console: Console) -> Progress:
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console)


def _play_one(stack: Stack, progress: Progress, name: str, pictures: Path, *, own_pictures: bool) -> Outcome:
    task = progress.add_task(f"[bold]{name}[/]", total=1)

    def tell(line: str) -> None:
        progress.update(task, description=f"[bold]{name}[/]: {line}")

    outcome = play(stack, name, parameters_for(pictures, stack, own_pictures=own_pictures), tell)
    progress.update(task, completed=1)
    return outcome


def _write(file: Path | None, stack: Stack, outcomes: list[Outcome]) -> None:
    if file is None:
        return
    billed = [entry.kind for entry in stack.emulator.billing()]
    runs = [{key: value for key, value in asdict(item).items() if key not in _PRIVATE} for item in outcomes]
    document = {
        "runs": runs,
        "billing": {"trainings": billed.count("training"), "inferences": billed.count("inference")},
        "store": open_store(stack.store_slug).uri,
    }
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _summary(console: Console, stack: Stack, outcomes: list[Outcome]) -> None:
    table = Table(title="What happened")
    for column in ("run", "state", "paid trainings", "weights", "decision", "seconds"):
        table.add_column(column)
    for item in outcomes:
        weights = f"{item.weights['size_bytes']:,} bytes" if item.weights else "none new"
        table.add_row(
            item.name, item.state, str(item.paid_trainings), weights, item.decision or "none needed",
            f"{item.seconds:.0f}",
        )  # fmt: skip
    console.print(table)
    for item in outcomes:
        console.print(f"[bold]{item.name}[/]: {item.message}", soft_wrap=True)
        console.print(f"  run    {item.page}", soft_wrap=True)
        if item.report_uri:
            console.print(f"  report {item.report_uri}", soft_wrap=True)
    console.print(f"Prefect UI {stack.server_url}   store {open_store(stack.store_slug).uri}", soft_wrap=True)


def _stay(console: Console) -> None:
    console.print("[bold]Everything keeps running. Look around in the UI; Ctrl-C ends it.[/]")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""`tuneloop status`: what is open, held or not tracked, what stands still, and what was spent."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from rich.console import Console, Group
from rich.table import Column, Table
from rich.text import Text

from tuneloop.cli.store_status import StoreStatus
from tuneloop.cli.terminal import shown, write_json
from tuneloop.clock import now
from tuneloop.errors import TuneloopError
from tuneloop.ledger.accounts import check_origin
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import orphaned_jobs
from tuneloop.orchestration.blocks import all_credentials, open_account, open_store, store_problem
from tuneloop.orchestration.run_queries import Watcher, runs_by_id
from tuneloop.orchestration.sensor_runs import pool_problems, sensor_problems
from tuneloop.orchestration.stores import shared_labels
from tuneloop.providers.base import Provider
from tuneloop.schemas.spending import SpendingLimits, dollars
from tuneloop.schemas.training import JobStatus
from tuneloop.settings import Settings


def show_status(store: str | None, credentials: list[str], json_file: Path | None) -> bool:
    """Print the status of a store and of the accounts that train into it, all of the server's by default.

    Returns whether something needs attention.
    """
    console, store = Console(), store or Settings().store
    problem = store_problem(store)
    if problem is not None:
        write_json(json_file, {"store": store, "problem": problem, "open": [], "duplicate_jobs": []})
        console.print(problem, style="red", markup=False)
        return True
    ledger = Ledger(open_store(store))
    status = StoreStatus(ledger, store)
    _query_prefect(status)
    write_json(json_file, {**status.document(), "problem": None})
    status.show(console)
    attention = status.needs_attention | _show_shared_labels(console)
    for slug in credentials or all_credentials():
        try:
            provider, limits = open_account(slug)
            check_origin(ledger, provider.account, provider.base_url)
            console.print(_spending(slug, ledger, provider, limits))
            attention |= show_orphans(slug, orphaned_jobs(ledger, provider), console)
        except TuneloopError as error:
            console.print(Text.assemble(shown(f"{slug}: ", "red"), shown(str(error))))
            attention = True
    return attention


def missing_for_the_sensor() -> list[str]:
    """Say what has to be there beside the deployments, so that the sensor of this installation polls."""
    with get_client(sync_client=True) as client:
        return sensor_problems(client, Settings().store, now())


def _query_prefect(status: StoreStatus) -> None:
    """Add the states of runs, and what stands still: the sensor, work pools, runs."""
    at = now()
    with get_client(sync_client=True) as client:
        runs = runs_by_id(client, (training.flow_run for training in status.trainings))
        watcher = Watcher(client, at)
        status.prefect_states = {each.flow_run: _state(runs.get(each.flow_run)) for each in status.trainings}
        status.note(
            [
                *sensor_problems(client, status.store, at),
                *pool_problems(client, {run.work_pool_name for run in runs.values() if run.work_pool_name}),
                *(still.reason for run in runs.values() if (still := watcher.standstill(run))),
            ]
        )


def _state(run: FlowRun | None) -> str:
    return run.state.name or run.state.type.value if run is not None and run.state is not None else "not there"


def _show_shared_labels(console: Console) -> bool:
    problems, notes = shared_labels()
    for line in problems:
        console.print(line, style="red", markup=False)
    for line in notes:
        console.print(line, markup=False)
    return bool(problems)


def _spending(slug: str, ledger: Ledger, provider: Provider, limits: SpendingLimits) -> Group:
    spending = Budget(ledger, provider.account, limits).spending(now().date())
    table = Table(Column("model", overflow="fold"), "trainings", "reserved")
    for model in sorted({slot.model for slot in spending.live}):
        slots = [slot for slot in spending.live if slot.model == model]
        unpriced = sum(slot.cents is None for slot in slots)
        money = dollars(sum(slot.cents or 0 for slot in slots))
        money += f" and {unpriced} without a known price" if unpriced else ""
        table.add_row(shown(model), str(sum(slot.kind == "training" for slot in slots)), money)
    day = "no limit" if limits.trainings_per_day is None else f"limit {limits.trainings_per_day}"
    limit = "no limit" if limits.cents_per_window is None else f"limit {dollars(limits.cents_per_window)}"
    title = (
        f"{slug}: {spending.trainings_today} trainings today ({day}), {dollars(spending.cents)} ({limit}) "
        f"from {spending.window} to {spending.ends}"
    )
    return Group(shown(title), table)


def show_orphans(slug: str, jobs: list[JobStatus], console: Console) -> bool:
    """Print the jobs of an account that no record follows. Returns whether there are any."""
    for job in jobs:
        line = (
            f"{slug} has {job.name} ({job.provider_status}), which no record knows. Import it with: tuneloop "
            f"adopt MODEL --credentials {slug} --job-id {job.job_id}"
        )
        console.print(Text.assemble(("Not tracked: ", "yellow"), shown(line)))
    return bool(jobs)

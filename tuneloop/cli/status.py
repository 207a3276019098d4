"""`tuneloop status`: what is open, held or not tracked, what stands still, and what was spent."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from tuneloop.cli.account_status import AccountStatus
from tuneloop.cli.exit_codes import REFUSED, exit_code_of
from tuneloop.cli.store_status import StoreStatus
from tuneloop.cli.terminal import console_for, print_json, print_text, shown
from tuneloop.clock import now
from tuneloop.errors import TuneloopError
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import all_credentials, drive_store
from tuneloop.orchestration.run_queries import Watcher, runs_by_id
from tuneloop.orchestration.sensor_runs import pool_problems, sensor_problems
from tuneloop.orchestration.stores import shared_labels
from tuneloop.settings import Settings


def show_status(store: str, credentials: list[str], *, as_json: bool) -> int:
    """Print the status of a store and of the accounts that train into it, all of the server's by default.

    Returns the command's exit code.
    """
    console = console_for(as_json=as_json)
    try:
        ledger = Ledger(drive_store(store))
    except TuneloopError as error:
        if as_json:
            print_json({"store": store, "problem": str(error), "open": [], "duplicate_jobs": []})
        print_text(console, shown(str(error), "red"))
        return exit_code_of(error) or REFUSED
    status = StoreStatus(ledger, store)
    ask_prefect(status)
    accounts = [AccountStatus(ledger, slug) for slug in credentials or all_credentials()]
    problems, notes = shared_labels()
    status.show(console)
    for line, color in [*((line, "red") for line in problems), *((line, "") for line in notes)]:
        print_text(console, shown(line, color))
    for account in accounts:
        account.show(console)
    if as_json:
        document = {**status.document(), "problem": None, "accounts": [each.document() for each in accounts]}
        print_json(document | {"attention": [*document["attention"], *problems]})
    attention = status.needs_attention or problems or any(account.needs_attention for account in accounts)
    return REFUSED if attention else 0


def missing_for_the_sensor() -> list[str]:
    """Say what has to be there beside the deployments, so that the sensor of this installation polls."""
    with get_client(sync_client=True) as client:
        return sensor_problems(client, Settings().store, None)


def ask_prefect(status: StoreStatus) -> None:
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

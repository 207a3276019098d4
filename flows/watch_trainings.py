"""The sensor: one look at every training in flight."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from blocks.opening import open_provider, open_store
from tuneloop.errors import TuneloopError
from tuneloop.ledger import Ledger
from tuneloop.watching import look_at_all

_PAGE = 200


@flow(name="watch-trainings")
def watch_trainings(stores: list[str]) -> State[Any]:
    """Look at every training in flight and wake the runs whose training has moved on.

    Asks each account once, whatever the number of trainings, and keeps no memory: a tick that dies or fails is
    made good by the next one. Give this deployment a schedule; it is what suspended runs rely on.

    Args:
        stores: Stores to watch: s3-bucket/NAME or local-file-system/NAME.
    """
    logger = get_run_logger()
    in_flight, woken, problems = 0, 0, []
    for slug in stores:
        try:
            tick = look_at_all(Ledger(open_store(slug)), open_provider)
        except TuneloopError as error:
            problems.append(f"{slug}: {error}")
            continue
        for note in tick.notes:
            logger.info("%s", note)
        problems += [f"{slug}: {problem}" for problem in tick.problems]
        in_flight += tick.in_flight
        woken += _wake(tick.awake)
    if problems:
        return Failed(message="; ".join(problems))
    if not woken:
        return Completed(name="Idle", message=f"{in_flight} in flight, none has moved on.")
    return Completed(message=f"{in_flight} in flight, {woken} woken.")


def _wake(flow_runs: list[str]) -> int:
    """Resume the runs that are suspended; what fails here is met again at the next tick.

    Returns:
        How many resumes the server accepted.
    """
    with get_client(sync_client=True) as client:
        woken = 0
        for start in range(0, len(flow_runs), _PAGE):
            page = [UUID(item) for item in flow_runs[start : start + _PAGE]]
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=page)), limit=_PAGE
            )
            woken += sum(_resume(client, run) for run in found if _sleeps(run))
    return woken


def _sleeps(run: FlowRun) -> bool:
    """Tell whether a run is suspended, and not because it asks a person something."""
    state = run.state
    return state is not None and state.name == "Suspended" and state.state_details.run_input_keyset is None


def _resume(client: SyncPrefectClient, run: FlowRun) -> bool:
    try:
        answer = client.resume_flow_run(run.id)
    except httpx.HTTPError as error:
        get_run_logger().info("run %s was not resumed, the next tick asks again: %s", run.name, error)
        return False
    return answer.status == SetStateStatus.ACCEPT

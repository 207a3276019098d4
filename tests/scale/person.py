"""The person who answers what held runs ask, with the providers' consoles before them."""

from __future__ import annotations

import json
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType

from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.training import job_name

_THERE, _NOT_THERE = "it is there: this is its id", "it is not there: submit it again"


def answer_holds(ledger: Ledger, emulators: list[EmulatorControl]) -> int:
    """Say of each submit in doubt whether its job is there: one provider's list proves nothing. Returns how many.

    What the server does not take now is asked again later.
    """
    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    answered = 0
    with get_client(sync_client=True) as client:
        try:
            for run in client.read_flow_runs(flow_run_filter=paused, limit=200):
                answered += _answer(client, run, ledger, emulators)
        except httpx.HTTPError:
            return answered
    return answered


def _answer(client: SyncPrefectClient, run: FlowRun, ledger: Ledger, emulators: list[EmulatorControl]) -> bool:
    keys = run.state.state_details.run_input_keyset if run.state is not None else None
    work = ledger.run(str(run.parameters.get("flow_run") or run.id))
    if keys is None or work is None:
        return False
    form = json.loads(client.read_flow_run_input(run.id, keys["schema"]))
    if _NOT_THERE not in form["properties"]["decision"]["enum"]:
        return False
    name = job_name(work.key, work.attempt)
    job = next((job.id for control in emulators for job in control.jobs() if job.name == name), None)
    filled: dict[str, Any] = {"decision": _THERE, "job_id": job} if job else {"decision": _NOT_THERE}
    client.resume_flow_run(run.id, run_input={**filled, "reason": "looked at the provider's console"})
    return True

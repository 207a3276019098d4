"""The person who answers what sleeping runs ask."""

from __future__ import annotations

import json
from typing import Any

from prefect.client.schemas.objects import FlowRun

from tests.crash.lane import Lane
from tests.crash.stories import Mood
from tuneloop.schemas.training import job_name

_THERE = "it is there"
_NO = ("reject",)


def asks(run: FlowRun) -> bool:
    """Tell whether a run sleeps until a person has answered."""
    state = run.state
    return state is not None and state.is_paused() and state.state_details.run_input_keyset is not None


def answer(lane: Lane, run: FlowRun, mood: Mood) -> None:
    """Fill in the form on a run's page."""
    assert run.state is not None
    keys = run.state.state_details.run_input_keyset
    assert keys is not None
    client = lane.here.client
    form = json.loads(client.read_flow_run_input(run.id, keys["schema"]))
    client.resume_flow_run(run.id, run_input=_filled_in(lane, run, form, mood))


def _filled_in(lane: Lane, run: FlowRun, form: dict[str, Any], mood: Mood) -> dict[str, Any]:
    choices = form["properties"]["decision"]["enum"]
    filled: dict[str, Any] = {"reason": "looked at the provider's console"}
    refusals = [choice for choice in choices if choice.startswith(_NO)]
    if mood == "reject" and refusals:
        return {**filled, "decision": refusals[0]}
    there = next((choice for choice in choices if choice.startswith(_THERE)), None)
    job = _job_of(lane, run)
    if there is not None and job is not None:
        return {**filled, "decision": there, "job_id": job}
    others = [choice for choice in choices if choice not in refusals and choice != there]
    return {**filled, "decision": others[0]}


def _job_of(lane: Lane, run: FlowRun) -> str | None:
    """Id of the job that the provider has under the name of a run's training."""
    work = lane.ledger.run(str(run.parameters.get("flow_run") or run.id))
    if work is None:
        return None
    name = job_name(work.key, work.attempt)
    return next((job.id for job in lane.emulator.jobs() if job.name == name), None)

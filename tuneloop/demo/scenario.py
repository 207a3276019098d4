"""Three runs of one model, started through the API as the UI would."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import FlowRun

from tuneloop.demo.stack import Stack
from tuneloop.ledger.ledger import Ledger
from tuneloop.local_server.processes import ProgramFailed
from tuneloop.orchestration.blocks import open_account, open_store
from tuneloop.orchestration.run_form import fill_form
from tuneloop.orchestration.started_runs import RETRAIN_FLOW, start_run, until_ended
from tuneloop.orchestration.suspend import SENSOR_FLOW
from tuneloop.providers.registry import TRAINERS
from tuneloop.schemas.records import Collected, RunRecord
from tuneloop.storage.page_link import page_link
from tuneloop.storage.s3_logs import count_requests

MODEL_DEPLOYMENT = f"{RETRAIN_FLOW}/sample-robot"
SENSOR_DEPLOYMENT = f"{SENSOR_FLOW}/sensor"
_RUN_LIMIT_S = 300
_TICK_LIMIT_S = 60
_SENSOR_PAUSE_S = 4

Report = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What one run came to; the fields are those of the demo's JSON file."""

    name: str
    state: str
    training_key: str | None
    paid_trainings: int
    decision: str | None
    weights: dict[str, Any] | None
    evaluation_pictures: int
    report_uri: str | None
    report_link: str | None
    store_requests: int | None
    seconds: float
    message: str
    page: str


def run_once(stack: Stack, name: str, parameters: dict[str, Any], report: Report) -> Outcome:
    """Start one run with some parameters of its own, `report` each new state of it, and return what it came to."""
    paid = _paid(stack)
    started = time.monotonic()
    with get_client(sync_client=True) as client:
        run = _watch(client, stack, start_run(client, MODEL_DEPLOYMENT, parameters), report)
    return _outcome(stack, name, run, _paid(stack) - paid, time.monotonic() - started)


def set_parameters(parameters: dict[str, Any]) -> None:
    """Make these the deployment's own parameters, so that a click on Run in the UI works as well."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(MODEL_DEPLOYMENT)
        merged = {**(found.parameters or {}), **parameters}
        client.update_deployment(found.id, DeploymentUpdate(parameters=merged))
        fill_form(client, client.read_deployment(found.id))


def _watch(client: SyncPrefectClient, stack: Stack, run: FlowRun, report: Report) -> FlowRun:
    """Follow a run to its end. Starts the sensor at once, so that nobody waits for its next minute."""
    reported, polled_at = "", 0.0
    account = open_account(stack.credentials_slug)[0].account.slug
    for current in until_ended(client, run.id, _RUN_LIMIT_S, stack.processes.check):
        run = current
        line = run.state.name or "" if run.state is not None else ""
        if line != reported:
            reported = line
            report(line)
        suspended = run.state is not None and run.state.name == "Suspended"
        if suspended and time.monotonic() - polled_at > _SENSOR_PAUSE_S:
            # The account is due at once, as a webhook would have it: else a tick leaves it alone that was polled
            # just before. One that takes longer is left alone: the schedule starts others.
            tick = start_run(client, SENSOR_DEPLOYMENT, {"account": account})
            for _ in until_ended(client, tick.id, _TICK_LIMIT_S, stack.processes.check):
                pass
            polled_at = time.monotonic()
    if run.state is None or not run.state.is_final():
        raise ProgramFailed(f"run {run.name} has not ended after {_RUN_LIMIT_S} s; it says: {_line(run)}")
    return run


def _line(run: FlowRun) -> str:
    return f"{run.state.name}. {run.state.message or ''}".strip() if run.state is not None else ""


def _paid(stack: Stack) -> int:
    return sum(entry.kind == "training" for entry in stack.emulator.billing())


def _outcome(stack: Stack, name: str, run: FlowRun, paid: int, seconds: float) -> Outcome:
    store = open_store(stack.store_slug)
    ledger = Ledger(store)
    work = ledger.run(str(run.id))
    state = run.state.name if run.state and run.state.name else "unknown"
    worked = work is not None and state == "Completed"
    decisions = ledger.decisions(work) if work and worked else []
    report = decisions[-1].report if decisions else None
    return Outcome(
        name=name,
        state=state,
        training_key=work.key if work else None,
        paid_trainings=paid,
        decision=decisions[-1].verdict if decisions else None,
        weights=_weights(ledger, work) if work and worked else None,
        evaluation_pictures=work.plan.image_count if work and worked else 0,
        report_uri=store.uri_of(report) if report else None,
        report_link=page_link(store, report).address if report else None,
        store_requests=sum(count_requests(stack.request_log, str(run.id)).values()) if store.distant else None,
        seconds=round(seconds, 1),
        message=(run.state.message or "") if run.state else "",
        page=f"{stack.server_url}/v2/runs/flow-run/{run.id}?tab=Details",
    )


def _weights(ledger: Ledger, run: RunRecord) -> dict[str, Any] | None:
    last = ledger.last(run.key)
    if not isinstance(last, Collected) or last.weights is None:
        return None
    return {"uri": ledger.store.uri_of(last.weights), "sha256": last.sha256, "size_bytes": last.size_bytes}


def parameters_for(dataset: Path, stack: Stack, trainer: str, *, own_images: bool) -> dict[str, Any]:
    """Parameters of one run. With `own_images`, the sample's words would not fit the images."""
    word, recipe = "TOK" if own_images else "ROBOX", TRAINERS[trainer]
    parameters: dict[str, Any] = {
        "dataset": str(dataset),
        "store": stack.store_slug,
        "credentials": stack.credentials_slug,
        "recipe": recipe.example_for(word),
    }
    if recipe.edit_pairs:
        parameters["evaluation"] = {"prompts": ["give the robot a hat", "a red hat"]}
    if own_images:
        # Which model of unknown images is better stays open; the demo ends all the same.
        parameters.setdefault("evaluation", {})["gate"] = {"undecided": "reject"}
    return parameters

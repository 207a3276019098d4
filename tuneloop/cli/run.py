"""`tuneloop run MODEL`: start a model's deployment, and say what its run does until it has ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.urls import url_for

from tuneloop.cli.terminal import print_json, say
from tuneloop.orchestration.events import ASKING
from tuneloop.orchestration.started_runs import RETRAIN_FLOW, start_run, until_ended

_QUEUED = {
    "Scheduled": "Waiting for a worker.",
    "Pending": "Starting.",
    "Submitting": "Starting.",
    "Late": "Waiting for a worker. Is one up? `tuneloop up` starts one.",
    "Running": "Running.",
    "Resuming": "Resuming.",
}


def run_model(model: str, *, dry_run: bool, watch: bool, as_json: bool) -> bool:
    """Start a run of a model's deployment. Returns True unless it failed or waits for somebody's answer.

    Args:
        model: Name of its deployment.
        dry_run: Only show what would be submitted; nothing is written or sent.
        watch: Follow it to its end.
        as_json: Print what came of it as a document; what it does meanwhile goes to standard error.

    Raises:
        ConfigurationError: There is no such deployment.
    """
    parameters = {"dry_run": True} if dry_run else {}
    run = start_and_follow(f"{RETRAIN_FLOW}/{model}", parameters, watch=watch, as_json=as_json)
    if as_json:
        print_json({"model": model, **run_document(run)})
    return is_well(run)


def start_and_follow(deployment: str, parameters: dict[str, Any], *, watch: bool, as_json: bool) -> FlowRun:
    """Start a run of a deployment, and say what it does until it has ended or asks. Returns its last known state.

    Raises `ConfigurationError` where there is no such deployment.
    """
    with get_client(sync_client=True) as client:
        started = run = start_run(client, deployment, parameters)
        page = url_for("flow-run", started.id)
        say(f"Started: {page}", err=as_json)
        try:
            for run in _followed(client, started, as_json=as_json) if watch else ():
                if _waits_for_an_answer(run):
                    say(f"Answer on its page: {page}", err=as_json)
                    break
        except KeyboardInterrupt:
            say(f"The run goes on: {page}", err=as_json)
            raise
    return run


def _followed(client: SyncPrefectClient, started: FlowRun, *, as_json: bool) -> Iterator[FlowRun]:
    """Say what a run does, each thing once."""
    said = ""
    for run in until_ended(client, started.id, math.inf):
        line = _in_words(run)
        if line != said:
            said = line
            say(line, err=as_json)
        yield run


def is_well(run: FlowRun) -> bool:
    """Return True unless a run has failed, or waits for somebody's answer."""
    return not _waits_for_an_answer(run) and (
        run.state is None or not run.state.is_final() or run.state.is_completed()
    )


def run_document(run: FlowRun) -> dict[str, Any]:
    """What came of a run."""
    state = run.state
    return {
        "run": str(run.id),
        "page": url_for("flow-run", run.id),
        "state": state.name if state else None,
        "message": state.message if state else None,
        "waits_for_answer": _waits_for_an_answer(run),
    }


def _in_words(run: FlowRun) -> str:
    if run.state is None:
        return _QUEUED["Scheduled"]
    name, message = run.state.name or "", run.state.message or ""
    if run.state.is_completed():
        return message or "Completed."
    if name == "Suspended":
        return f"Waiting, without occupying the worker. {message}"
    if not run.state.is_final() and name in _QUEUED:
        return _QUEUED[name]
    return f"{name}: {message}".removesuffix(": ")


def _waits_for_an_answer(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_paused() and not ASKING.isdisjoint(run.tags)

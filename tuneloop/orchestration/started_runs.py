"""Start a run of a deployment, and follow it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.run_queries import paged

RETRAIN_FLOW = "retrain-model"
RETRAINING_FLOWS = (RETRAIN_FLOW, "continue-training")
"""What goes on with a training."""
_PAUSE_S = 0.3
_LONGEST_PAUSE_S = 3.0
_SILENCE_S = 180.0
"""How long a server may be down while a run is followed."""


def start_run(client: SyncPrefectClient, deployment: str, parameters: dict[str, Any]) -> FlowRun:
    """Start one run with some parameters of its own.

    Args:
        client: The server.
        deployment: Name of the flow and of the deployment, with a slash between them.
        parameters: In place of the deployment's own.

    Raises:
        ConfigurationError: There is no such deployment.
    """
    try:
        found = client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        flow, _, name = deployment.partition("/")
        similar = get_close_matches(name, _names_of(client, flow))
        hint = f"did you mean {' or '.join(similar)}?" if similar else "run `tuneloop deploy`, or name another"
        raise ConfigurationError(f"there is no deployment {name}; {hint}") from None
    return client.create_flow_run_from_deployment(
        found.id,
        parameters={**(found.parameters or {}), **parameters},
        state=Scheduled(),
        # Prefect's client sends a request again that has timed out: one run all the same.
        idempotency_key=uuid4().hex,
    )


def _names_of(client: SyncPrefectClient, flow: str) -> list[str]:
    this = FlowFilter(name=FlowFilterName(any_=[flow]))
    found = paged(lambda limit, offset: client.read_deployments(flow_filter=this, limit=limit, offset=offset))
    return [one.name for one in found]


def until_ended(
    client: SyncPrefectClient, run_id: UUID, limit_s: float, check: Callable[[], None] = lambda: None
) -> Iterator[FlowRun]:
    """Poll a run until it has ended or the time is over, and yield it each time.

    Args:
        client: The server.
        run_id: The run.
        limit_s: How long, in seconds.
        check: Called between polls; may raise.
    """
    until = time.monotonic() + limit_s
    pause, silent_since = _PAUSE_S, None
    while time.monotonic() < until:
        try:
            run = client.read_flow_run(run_id)
        except httpx.TransportError:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > _SILENCE_S:
                raise
        else:
            silent_since = None
            yield run
            if run.state is not None and run.state.is_final():
                return
        check()
        time.sleep(pause)
        pause = min(pause * 1.1, _LONGEST_PAUSE_S)

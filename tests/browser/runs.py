"""Flow runs of the installation, as the Prefect API tells of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled

from deployments.demo.stack import Stack

_LIMIT_S = 90.0


class Runs:
    """Starts flow runs and waits for them.

    Args:
        client: A client of the installation's server.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client

    def start(self, deployment: str, **changed: Any) -> UUID:
        """Start a run with the deployment's own parameters, but for those that are changed."""
        found = self.client.read_deployment_by_name(deployment)
        parameters = {**(found.parameters or {}), **changed}
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters, state=Scheduled()).id

    def read(self, run: UUID) -> FlowRun:
        """The run as it is now."""
        return self.client.read_flow_run(run)

    def wait_until(self, run: UUID, state: str) -> FlowRun:
        """Wait for a state by its name; ending in another one is an error."""

        def arrived() -> bool:
            now = self.read(run).state
            if now is None or now.name == state:
                return now is not None
            assert not now.is_final(), f"the run is {now.name}: {now.message}"
            return False

        wait_until(arrived, f"run {run} is {state}")
        return self.read(run)


def run_record(stack: Stack, run: UUID) -> dict[str, Any]:
    """What the store says a run works on, once the run has decided."""
    file = stack.folder / "store" / "runs" / f"{run}.json"
    wait_until(file.is_file, f"{file} is there")
    return dict(json.loads(file.read_bytes()))


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    until = time.monotonic() + _LIMIT_S
    while not true():
        assert time.monotonic() < until, f"not within {_LIMIT_S:.0f} s: {what}"
        time.sleep(0.2)

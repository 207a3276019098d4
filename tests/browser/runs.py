"""Flow runs of the installation, as the Prefect API tells of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Scheduled

from tests.waiting import wait_until
from tuneloop.demo.stack import Stack


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
        return self.client.create_flow_run_from_deployment(
            found.id, parameters=parameters, state=Scheduled(), idempotency_key=uuid4().hex
        ).id

    def read(self, run: UUID) -> FlowRun:
        """The run as it is now."""
        return self.client.read_flow_run(run)

    def wait_until(self, run: UUID, *states: str) -> FlowRun:
        """Wait for one of these states; ending in another one is an error."""

        def reached() -> FlowRun | None:
            found = self.read(run)
            now = found.state
            if now is not None and now.name in states:
                return found
            assert now is None or not now.is_final(), f"the run is {now.name}: {now.message}"
            return None

        what = f"the run is {' or '.join(states)}"
        found = wait_until(what, reached, seen=lambda: self.read(run).state)
        assert found is not None
        return found

    def cancel(self, run: UUID) -> None:
        """Cancel a run that has shown what it was started for: nothing of it goes on behind the next test."""
        self.client.set_flow_run_state(run, Cancelled(), force=True)


def run_record(stack: Stack, run: UUID) -> dict[str, Any]:
    """What the store says a run works on."""
    return dict(json.loads((stack.folder / "store" / "runs" / f"{run}.json").read_bytes()))

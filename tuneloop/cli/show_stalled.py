"""What stands still, for `tuneloop status`: the sensor, runs that do not go on, and what nobody can tell."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import OpenTraining, lost_weights, troubles
from tuneloop.orchestration.run_queries import ids_of, pages, read_runs
from tuneloop.orchestration.sensor_health import pool_problems, sensor_problems
from tuneloop.orchestration.stalled_runs import Watcher
from tuneloop.settings import Settings


class Standing:
    """How the open stories of a store stand, in Prefect and in the store.

    Attributes:
        states: What Prefect says about each run, by its id.
        attention: What a person has to look at, a sentence each.
    """

    def __init__(self, ledger: Ledger, store: str, stories: list[OpenTraining]) -> None:
        at = now()
        with get_client(sync_client=True) as client:
            runs = _runs(client, stories)
            watcher = Watcher(client, at)
            self.states = {story.flow_run: _state(runs.get(story.flow_run)) for story in stories}
            self.attention = [
                *sensor_problems(client, store, at),
                *pool_problems(client, {run.work_pool_name for run in runs.values() if run.work_pool_name}),
                *(still.why for run in runs.values() if (still := watcher.standstill(run))),
                *troubles(ledger),
                *lost_weights(ledger),
            ]
        self.attention = list(dict.fromkeys(self.attention))


def missing_for_the_sensor() -> list[str]:
    """Say what has to be there beside the deployments, so that the sensor of this installation looks."""
    with get_client(sync_client=True) as client:
        return sensor_problems(client, Settings().store, now())


def _runs(client: SyncPrefectClient, stories: list[OpenTraining]) -> dict[str, FlowRun]:
    return {
        str(run.id): run
        for page in pages(stories)
        for run in read_runs(client, FlowRunFilter(id=ids_of(story.flow_run for story in page)))
    }


def _state(run: FlowRun | None) -> str:
    return run.state.name or run.state.type.value if run is not None and run.state is not None else "not there"

"""The sensor: one poll of every training in progress."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tuneloop.orchestration.polling import poll_store, publish_table
from tuneloop.orchestration.sensor_runs import IDLE, LATE, delete_idle_runs, newer_tick, previous_tick


@flow(name="watch-trainings")
def watch_trainings(stores: list[str], account: str | None = None) -> State[Any]:
    """Poll every training in progress and resume the runs whose training has moved on.

    Queries each account once, whatever the number of trainings, and keeps no memory: a tick that dies or fails is
    made good by the next one. A lost run is continued by another one. Give this deployment a schedule; suspended
    runs rely on it.

    Args:
        stores: Stores to watch: s3-bucket/NAME or local-file-system/NAME.
        account: An account, PROVIDER.LABEL, that is due at once; a webhook asks for that.
    """
    with get_client(sync_client=True) as client:
        if account is None and (newer := newer_tick(client)):
            return Completed(name=LATE, message=f"Started late; {newer} polls instead.")
        previous = previous_tick(client)
        results = [poll_store(client, slug, previous, account) for slug in stores]
        delete_idle_runs(client)
    in_progress = sum(tick.in_flight for tick, _ in results)
    idle = not any(resumed.any or tick.changes or tick.overdue for tick, resumed in results)
    if not idle:
        publish_table(stores, results)
    if problems := [problem for tick, _ in results for problem in tick.problems]:
        return Failed(message="; ".join(problems))
    if idle:
        return Completed(name=IDLE, message=f"{in_progress} trainings in progress, no changes.")
    counts = {
        "recorded": sum(len(tick.changes) for tick, _ in results),
        "resumed": sum(resumed.resumed for _, resumed in results),
        "continued by another run": sum(resumed.continued for _, resumed in results),
        "closed": sum(resumed.closed for _, resumed in results),
    }
    done = ", ".join(f"{count} {what}" for what, count in counts.items())
    return Completed(message=f"{in_progress} trainings in progress: {done}.")

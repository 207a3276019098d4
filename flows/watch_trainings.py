"""The sensor: one look at every training in flight."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from blocks.opening import open_provider, open_store
from flows.waking import Woken, wake
from tuneloop.errors import TuneloopError
from tuneloop.ledger import Ledger
from tuneloop.watching import look_at_all


@flow(name="watch-trainings")
def watch_trainings(stores: list[str]) -> State[Any]:
    """Look at every training in flight and wake the runs whose training has moved on.

    Asks each account once, whatever the number of trainings, and keeps no memory: a tick that dies or fails is
    made good by the next one. Where a run is gone and its training goes on, another run is started to continue
    it. Give this deployment a schedule; it is what suspended runs rely on.

    Args:
        stores: Stores to watch: s3-bucket/NAME or local-file-system/NAME.
    """
    in_flight, total = 0, Woken()
    with get_client(sync_client=True) as client:
        for slug in stores:
            try:
                ledger = Ledger(open_store(slug))
                tick = look_at_all(ledger, open_provider)
            except TuneloopError as error:
                total.problems.append(f"{slug}: {error}")
                continue
            for note in tick.notes:
                get_run_logger().info("%s", note)
            woken = wake(client, ledger, slug, tick.stories)
            in_flight += tick.in_flight
            total.problems += [f"{slug}: {problem}" for problem in [*tick.problems, *woken.problems]]
            total.resumed += woken.resumed
            total.continued += woken.continued
            total.closed += woken.closed
    if total.problems:
        return Failed(message="; ".join(total.problems))
    if not total.any:
        return Completed(name="Idle", message=f"{in_flight} in flight, none has moved on.")
    done = f"{total.resumed} woken, {total.continued} continued by another run, {total.closed} closed"
    return Completed(message=f"{in_flight} in flight: {done}.")

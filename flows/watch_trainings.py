"""The sensor: one poll of every training in progress."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tuneloop.api import poll_trainings


@flow(name="watch-trainings", flow_run_name="sensor")
def watch_trainings(stores: list[str], account: str | None = None) -> State[Any]:
    """Poll every training in progress and resume the runs whose training has moved on.

    Queries each account once, whatever the number of trainings, and keeps no memory: a tick that dies or fails is
    made good by the next one. A lost run is continued by another one. Give this deployment a schedule; suspended
    runs rely on it.

    Args:
        stores: Stores to watch: s3-bucket/NAME or local-file-system/NAME.
        account: An account, PROVIDER.LABEL, that is due at once; a webhook asks for that.
    """
    return poll_trainings(stores, account)

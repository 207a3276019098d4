"""A tag and a name by which a run is found in the list of runs: what it waits for, or what came of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

Label = Literal["promoted", "rejected", "needs-review", "on-hold"]
LABELS: frozenset[str] = frozenset({"promoted", "rejected", "needs-review", "on-hold"})
"""The list of runs can be filtered by them."""
LABEL_OF: dict[str, Label] = {"promote": "promoted", "reject": "rejected", "undecided": "needs-review"}
"""What came of a run, by the verdict."""


def label_run(model: str, label: Label | None) -> None:
    """Give this run one of the tags in place of another, and a name that says the same; None takes it away.

    What cannot be shown stops no work.
    """
    with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
        tags = set(client.read_flow_run(flow_run.id).tags)
        wanted = tags - LABELS | ({label} if label else set())
        if wanted != tags:
            name = f"{model}: {label.replace('-', ' ')}" if label else model
            client.update_flow_run(flow_run.id, tags=sorted(wanted), name=name)

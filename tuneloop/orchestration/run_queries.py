"""Reads runs from the server, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun

PAGE = 200
_Item = TypeVar("_Item")


def read_runs(client: SyncPrefectClient, which: FlowRunFilter) -> Iterator[FlowRun]:
    """Every run that a filter finds."""
    offset = 0
    while page := client.read_flow_runs(flow_run_filter=which, limit=PAGE, offset=offset):
        yield from page
        offset += len(page)


def ids_of(flow_runs: Iterable[str]) -> FlowRunFilterId:
    """A filter for some runs; an id that is none finds nothing."""
    ids = []
    for flow_run in flow_runs:
        with suppress(ValueError):
            ids.append(UUID(flow_run))
    return FlowRunFilterId(any_=ids)


def pages(items: list[_Item]) -> Iterator[list[_Item]]:
    """Items, as many at a time as the server answers."""
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]

"""Progress of long work: on the run's page, and now and then in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from tuneloop.providers.base import OutgoingFile

_SHOWN_EVERY_S = 1.0
_LOGGED_EVERY_S = 15.0
_REST_S = 60.0
"""After Prefect's server did not take it: its client retries for so long, and the work waits."""


class ProgressReporter:
    """Shows one step on the run's progress bar: one artifact for all steps of a run.

    The bar is made at the first call: work that was done before shows none.
    """

    def __init__(self, model: str, what: str, unit: Literal["bytes", "images"]) -> None:
        self._key, self._what, self._unit = f"progress-{model}", what, unit
        self._artifact: UUID | None = None
        self._started = self._shown = self._logged = time.monotonic()
        self._first = 0
        self._rest_until = self._started

    def show(self, done: int, total: int | None) -> None:
        """Show how far it is; `total` is None if unknown. What cannot be shown stops no work."""
        if time.monotonic() < self._rest_until:
            return
        try:
            self._show(done, total, time.monotonic())
        except (httpx.HTTPError, PrefectException):
            self._rest_until = time.monotonic() + _REST_S

    def _show(self, done: int, total: int | None, now: float) -> None:
        if self._artifact is None:
            self._artifact = self._of_this_run() or cast(
                "UUID", create_progress_artifact(progress=0.0, key=self._key, description=self._what)
            )
            self._first, self._started = done, now
        if now - self._shown < _SHOWN_EVERY_S and done != total:
            return
        self._shown = now
        line = f"{self._what}: {self._amount(done, total)}{self._rate(done, now)}"
        percent = 100 * done / total if total else 0.0
        update_progress_artifact(self._artifact, progress=percent, description=line)
        if now - self._logged >= _LOGGED_EVERY_S:
            self._logged = now
            get_run_logger().info("%s", line)

    def _of_this_run(self) -> UUID | None:
        """The bar that an earlier step has made, in this process or before the run was suspended."""
        if flow_run.id is None:
            return None
        which = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(flow_run.id))]),
            key=ArtifactFilterKey(any_=[self._key]),
        )
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(artifact_filter=which, limit=1)
        return found[0].id if found else None

    def _amount(self, done: int, total: int | None) -> str:
        if self._unit == "images":
            return f"{done} of {total}" if total else str(done)
        return f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB" if total else f"{done / 1e6:,.1f} MB"

    def _rate(self, done: int, now: float) -> str:
        seconds = now - self._started
        if seconds < _SHOWN_EVERY_S:
            return ""
        rate = (done - self._first) / seconds
        return f", {rate:,.1f} images/s" if self._unit == "images" else f", {rate / 1e6:,.1f} MB/s"


class ProgressArchive:
    """An `OutgoingFile` that reports bytes read and bytes in all, from zero in every pass."""

    def __init__(self, archive: OutgoingFile, on_progress: Callable[[int, int | None], None]) -> None:
        self._archive, self._on_progress = archive, on_progress
        self.size_bytes = archive.size_bytes

    def chunks(self) -> Iterator[bytes]:
        done = 0
        for chunk in self._archive.chunks():
            done += len(chunk)
            self._on_progress(done, self.size_bytes)
            yield chunk

    def url(self) -> str | None:
        return self._archive.url()

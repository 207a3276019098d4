"""What small files in the store say by their names alone: open runs, failed jobs, and cancelled runs."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from tuneloop.ledger.record_store import RecordStore
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import job_name


class Marker(NamedTuple):
    """An open run: it waits for this job of this account."""

    account: str
    job: str
    flow_run: str
    since: datetime
    """When it was left, by the store's clock."""

    @property
    def name(self) -> str:
        """Its name within the store."""
        return f"inflight/{self.account}/{self.job}/{self.flow_run}"


class FailedJob(NamedTuple):
    """A job that ended unpaid, or was about to. The file holds the id of the flow run that found it."""

    account: str
    job: str
    key: str

    @property
    def name(self) -> str:
        """Its name within the store."""
        return f"failed-jobs/{self.account}/{self.job}/{self.key}"


def marker_name(run: RunRecord) -> str:
    """Name of a run's marker within the store."""
    return f"inflight/{run.account.slug}/{job_name(run.key, run.attempt)}/{run.flow_run}"


def is_cancelled(ledger: RecordStore, flow_run: str) -> bool:
    """Return True if a run was cancelled by hand."""
    return ledger.store.exists(f"cancelled/{flow_run}")


def remember_cancelled(ledger: RecordStore, flow_run: str) -> None:
    """Remember that a run was cancelled by hand: what was paid is collected, and nothing is judged."""
    ledger.store.create(f"cancelled/{flow_run}", b"")

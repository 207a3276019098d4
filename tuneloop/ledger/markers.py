"""What small files in the store say by their names alone: open stories, and jobs that have come to a bad end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Marker:
    """An open story: this flow run waits for this job of this account."""

    account: str
    job: str
    flow_run: str
    since: datetime
    """When it was left, by the store's clock."""

    @property
    def name(self) -> str:
        """Its name within the store."""
        return f"inflight/{self.account}/{self.job}/{self.flow_run}"


@dataclass(frozen=True, order=True)
class BadEnd:
    """A job that has come to a bad end, or was about to: `ended/<account>/<job's name>/<training key>`.

    What the file holds is the id of the flow run that found it.
    """

    account: str
    job: str
    key: str

    @property
    def name(self) -> str:
        """Its name within the store."""
        return f"ended/{self.account}/{self.job}/{self.key}"

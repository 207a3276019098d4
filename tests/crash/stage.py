"""What a scene may do beside the processes of its case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from tests.crash.lane import RETRAIN, Lane
from tests.crash.prefect_server import PrefectServer


class Stage(Protocol):
    """A case that is being played."""

    @property
    def lane(self) -> Lane:
        """Where it is played."""

    @property
    def first(self) -> UUID:
        """The first run of the case."""

    def schedule(self, flow: str = RETRAIN, *, server: PrefectServer | None = None, **changed: Any) -> UUID:
        """Start a run like those of the case, but for some parameters, or on another server."""

    def work(self, server: PrefectServer | None = None) -> None:
        """Take every run that is due."""

    def expect_stop(self, run: UUID, where: str, server: PrefectServer | None = None) -> None:
        """Note a finding where a run has not ended with an error of ours that says what to do."""

    def adopt(self, job_id: str) -> None:
        """Let the runs of the case take in a job of the provider."""


Scene = Callable[[Stage], None]

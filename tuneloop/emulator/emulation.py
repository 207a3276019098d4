"""One running emulation: the state and services that every provider's routes work with."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from tuneloop.emulator.billing import BilledEntry, Billing
from tuneloop.emulator.clock import Clock
from tuneloop.emulator.faults import Fault, FaultQueue
from tuneloop.emulator.job_looks import JobLooks
from tuneloop.emulator.job_marks import JobMarks
from tuneloop.emulator.jobs import Jobs
from tuneloop.emulator.objects import Objects
from tuneloop.emulator.progress import Lifecycle, Progress
from tuneloop.emulator.request_log import RequestLog
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import SwitchBoard
from tuneloop.emulator.tasks import Tasks
from tuneloop.emulator.webhooks.sending import Webhooks
from tuneloop.emulator.webhooks.style import WebhookStyle

WEIGHTS_BYTES = 1_500_000
"""Size of a weights file, where nothing else is asked for."""

_FIRST_NUMBER = 70_001
"""Id of the first training, where they are counted."""


@dataclass(frozen=True)
class Provider:
    """What one provider's file says about itself; everything else is shared."""

    name: str
    api_key: str
    """The one key it takes, in the form of the provider's keys; public, for tests."""
    lifecycle: Lifecycle
    progress: Progress
    """Policy until another is set."""
    webhooks: WebhookStyle
    routes: Callable[["Emulation"], list[BaseRoute]]
    redirects_slashes: bool
    """Whether a path with a slash too many is sent on by 307, as FastAPI does."""
    refusal: Callable[["Emulation", Fault], Response]
    """The provider's own answer with the status that a fault asks for."""
    error_pages: dict[int | type[Exception], ExceptionHandler]
    """Handlers of unknown routes (404), wrong verbs (405) and the provider's own refusals."""


class Emulation:
    """State and services of one provider in one folder.

    Args:
        provider: whom to imitate.
        folder: where the database and the objects live; made if it is not there.
        weights_bytes: size of every weights file.
    """

    def __init__(self, provider: Provider, folder: Path, weights_bytes: int = WEIGHTS_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.provider = provider
        self.weights_bytes = weights_bytes
        self.state = State(folder / f"{provider.name}.sqlite3")
        self.clock = Clock(self.state)
        self.billing = Billing(self.state, self.clock)
        self.requests = RequestLog(self.state, self.clock)
        self.faults = FaultQueue(self.state)
        self.switches = SwitchBoard(self.state)
        self.jobs = Jobs(self.state, self.clock, provider.lifecycle, provider.progress)
        self.webhooks = Webhooks(self.state, self.clock, self.jobs, self.switches, provider.webhooks)
        self.marks = JobMarks(self.state)
        self.looks = JobLooks(self.state, self.clock, self.switches)
        self.tasks = Tasks(self.state, self.clock)
        self.objects = Objects(self.state, self.clock, folder / f"{provider.name}-objects")

    def new_id(self) -> str:
        """Return the id of the next training."""
        if self.switches.now.integer_ids:
            return str(_FIRST_NUMBER + len(self.jobs.all(polled=False)))
        return str(uuid.uuid4())

    def accept(self, job_id: str, name: str, request: dict[str, Any], dataset: str, doom: str | None) -> None:
        """Accept a training; see `Jobs.add`. Lists never show it where a switch says so."""
        with self.state.transaction():
            self.jobs.add(job_id, name, request, dataset, doom)
            if self.switches.now.accepts_unlisted:
                self.marks.add(job_id, "unlisted")

    def billed(self) -> list[BilledEntry]:
        """Return the billing ledger, with what has come to a bad end by now as refunded."""
        with self.state.transaction():
            jobs = self.jobs.all(polled=False)
            failed = {job.id for job in jobs if self.jobs.lifecycle.is_bad(job.status)}
            return self.billing.entries(failed | self.tasks.failed())

    def close(self) -> None:
        """Close the database; a later emulation of the same folder goes on from here."""
        self.state.close()

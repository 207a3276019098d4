"""One running emulation: the state and services that every provider's routes work with."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.deliveries import Subscription, WebhookStyle
from tuneloop.emulator.faults import Fault, FaultQueue
from tuneloop.emulator.jobs import Job, Jobs, Lifecycle, Progress
from tuneloop.emulator.objects import Objects
from tuneloop.emulator.records import BilledEntry, Billing, RequestLog
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import SwitchBoard
from tuneloop.emulator.tasks import Tasks
from tuneloop.emulator.webhooks import Webhooks

WEIGHTS_BYTES = 1_500_000
"""Size of a weights file, unless another is asked for."""

_FIRST_NUMBER = 70_001
"""Id of the first training, where they are counted."""
_LAST_NUMBER = "last number"


@dataclass(frozen=True)
class Provider:
    """What one provider's folder says about itself; everything else is shared."""

    name: str
    api_key: str
    """The one key it takes, in the form of the provider's keys; public, for tests."""
    lifecycle: Lifecycle
    progress: Progress
    """Policy until another is set."""
    foreign_statuses: Mapping[str, str]
    """What other services call its states, of trainings and of images."""
    webhooks: WebhookStyle
    routes: Callable[["Emulation"], list[BaseRoute]]
    redirects_slashes: bool
    """Whether a path with a slash too many is redirected by 307, as FastAPI does."""
    fault_response: Callable[["Emulation", Fault], Response]
    """The provider's own response with the status of a fault."""
    error_pages: dict[int | type[Exception], ExceptionHandler]
    """Handlers of unknown routes (404) and wrong verbs (405)."""
    produce: Callable[["Emulation", str], bool] = lambda *_: True
    """Called before an object is read: writes the one of this key if it is made when it is first asked for;
    returns False if it is no longer kept."""


class Emulation:
    """State and services of one provider in one folder, which is made if it is not there."""

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
        self.tasks = Tasks(self.state, self.clock)
        self.objects = Objects(self.state, self.clock, folder / f"{provider.name}-objects")

    def new_id(self) -> str:
        if not self.switches.now.integer_ids:
            return str(uuid.uuid4())
        with self.state.transaction():
            number = (self.state.setting(_LAST_NUMBER) or _FIRST_NUMBER - 1) + 1
            self.state.set_setting(_LAST_NUMBER, number)
        return str(number)

    def accept(
        self,
        subscription: Subscription,
        name: str,
        request: dict[str, Any],
        dataset: str,
        failure: str | None,
        billed: dict[str, Any],
    ) -> None:
        """Accept a training: one job and one entry in the billing ledger, together; see also `Jobs.add`."""
        job_id = subscription.job_id
        with self.state.transaction():
            self.jobs.add(job_id, name, request, dataset, failure)
            # Lists never show it where a switch says so.
            if self.switches.now.accepts_unlisted:
                self.jobs.mark(job_id, "unlisted")
            self.billing.record(job_id, "training", name, billed)
            self.webhooks.subscribe(subscription)
        self.webhooks.before_response(job_id)

    def billed(self) -> list[BilledEntry]:
        """Return the billing ledger, with what has failed by now as refunded."""
        with self.state.transaction():
            jobs = self.jobs.all(polled=False)
            failed = {job.id for job in jobs if self.jobs.lifecycle.has_failed(job.status)}
            return self.billing.entries(failed | self.tasks.failed())

    def weights_mark(self, job: Job, ignored: set[str]) -> str:
        """Return 64 hexadecimal digits that follow from dataset and request, but for its `ignored` fields."""
        recipe = {name: value for name, value in job.request.items() if name not in ignored}
        canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
        dataset = self.objects.find(job.dataset)
        return hashlib.sha256(f"{dataset.etag if dataset else ''}\n{canonical}".encode()).hexdigest()

    def close(self) -> None:
        self.state.close()

"""One running emulation: the state and services that every provider's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from tuneloop.emulator.billing import Billing
from tuneloop.emulator.clock import Clock
from tuneloop.emulator.faults import FaultQueue
from tuneloop.emulator.jobs import Jobs
from tuneloop.emulator.objects import Objects
from tuneloop.emulator.progress import Lifecycle, Progress
from tuneloop.emulator.request_log import RequestLog
from tuneloop.emulator.state import State

WEIGHTS_BYTES = 1_500_000
"""Size of a weights file, where nothing else is asked for."""


@dataclass(frozen=True)
class Provider:
    """What one provider's file says about itself; everything else is shared."""

    name: str
    api_key: str
    """The one key it takes, in the form of the provider's keys; public, for tests."""
    lifecycle: Lifecycle
    progress: Progress
    """Policy until another is set."""
    routes: Callable[["Emulation"], list[BaseRoute]]
    refusal: Callable[["Emulation", int], Response]
    """The provider's own answer of a status that a fault asks for."""
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
        self.jobs = Jobs(self.state, self.clock, provider.lifecycle, provider.progress)
        self.objects = Objects(self.state, self.clock, folder / f"{provider.name}-objects")

    def close(self) -> None:
        """Close the database; a later emulation of the same folder goes on from here."""
        self.state.close()

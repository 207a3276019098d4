"""How a request reaches a provider's handler, and how the handler answers or rejects it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tuneloop.emulator.emulation import Emulation


class Rejected(Exception):
    """A request that is not accepted, and the response that says so; it has had no effect."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def rejected(_: Request, error: Exception) -> Response:
    """Respond to a `Rejected`."""
    if not isinstance(error, Rejected):
        raise error
    return error.response


@dataclass(frozen=True)
class Call:
    """One request that a handler gets."""

    emulation: Emulation
    request: Request
    fields: Any
    """What the reader of its route has found in it."""

    @property
    def base_url(self) -> str:
        """Under which the client sees the emulator."""
        return str(self.request.base_url).rstrip("/")

    @property
    def path(self) -> dict[str, str]:
        return self.request.path_params


Reader = Callable[[Request], Awaitable[Any]]
"""Checks a request and returns its fields."""
Handler = Callable[[Call], Any]
"""Returns a response, or what goes out as JSON."""


async def no_fields(_: Request) -> None:
    """Read nothing."""


def route(emulation: Emulation, verb: str, path: str, handler: Handler, read: Reader) -> Route:
    """Return a route that reads the fields, and runs the handler in a thread."""

    async def called(request: Request) -> Response:
        found = await run_in_threadpool(handler, Call(emulation, request, await read(request)))
        return found if isinstance(found, Response) else JSONResponse(found)

    return Route(path, called, methods=[verb])


def accepted(emulation: Emulation, document: dict[str, Any], accepted_id: str) -> Response:
    """Respond to what was accepted; no webhook announces it before its client knows the id."""
    return JSONResponse(document, background=BackgroundTask(emulation.webhooks.answered, accepted_id))

"""Connections to the receiver: who sends no request is hung up on, and shuts nobody out."""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 200
"""Connections at the same time. The oldest one that has sent no request makes room for one more."""


class Connection(H11Protocol):
    """One connection. Uvicorn itself waits without end for the first request, and for the rest of any head."""

    head_within_s = 10.0
    """From the opening of a connection, or the end of an answer, to the end of the next request's head."""
    waits_since = 0.0
    """When the wait for a request began, by the loop's clock."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, in the place of the oldest caller who sends none."""
        super().connection_made(transport)
        self._wait()
        there = [
            each for each in self.connections if isinstance(each, Connection) and not each.transport.is_closing()
        ]
        if len(there) >= MAX_CONNECTIONS:
            waiting = (each for each in there if each.is_waiting)
            min(waiting, key=lambda each: each.waits_since).transport.abort()

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.waits_since = self.loop.time()
        self._timer = self.loop.call_later(self.head_within_s, self._hang_up)

    def _hang_up(self) -> None:
        if self.is_waiting:
            self.transport.abort()


def receiver_config(app: Starlette, host: str, port: int, caller: type[Connection] = Connection) -> uvicorn.Config:
    """How the receiver is served; `caller` says how patient it is."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=caller,
        ws="none",
        log_config=None,
        # It would hold the paths, and they are secrets.
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
    )

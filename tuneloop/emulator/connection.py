"""Connections that can be broken: by a request from inside, and all at once when the emulator stops."""

import asyncio
import contextlib
import socket
import threading
from asyncio import Transport
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "tuneloop.http.transport"


class BreakableProtocol(H11Protocol):
    """Hands the transport to the application, which ASGI alone has no word for."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # asyncio leaves this out where the listener was made for any protocol; without it the second
        # response on a kept connection waits 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app: ASGIApp = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class BreakingServer(Server):
    """Stops at once, as a crash would: whoever still waits for a response gets none."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.running = threading.Event()
        """Set as soon as requests are answered."""

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ticking = self._loop.create_task(super().main_loop())
        self.running.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticking

    def stop(self) -> None:
        """Stop a running server from another thread, without waiting for its next tick."""
        self._loop.call_soon_threadsafe(self._ticking.cancel)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners and break every connection; the requests on them end with the event loop."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def cut(scope: Scope, receive: Receive) -> None:
    """Break the connection now, and wait until it is broken; bytes not sent yet are lost."""
    _transport(scope).abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def hang_up(scope: Scope) -> None:
    """Close the connection once the bytes written so far are out."""
    _transport(scope).close()


def is_gone(scope: Scope) -> bool:
    """Return True if nobody is there any more to read a response."""
    return _transport(scope).is_closing()


def _transport(scope: Scope) -> Transport:
    transport: Transport = scope["extensions"][_TRANSPORT]
    return transport

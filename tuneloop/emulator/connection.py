"""Connections that can be broken: by a request from inside, and all at once when the emulator stops."""

import socket
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import Transport

_TRANSPORT = "tuneloop.transport"


class BreakableProtocol(H11Protocol):
    """Hands the transport to the application, which ASGI alone has no word for."""

    def connection_made(self, transport: Any) -> None:
        """Wrap the application of this one connection."""
        super().connection_made(transport)
        # asyncio leaves this out where the listener was made for any protocol; without it the second
        # answer on a kept connection waits 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app: ASGIApp = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class BreakingServer(Server):
    """Stops as a crash would: whoever still waits for an answer gets none."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break every connection, then stop."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await super().shutdown(sockets)


async def cut(scope: Scope, receive: Receive) -> None:
    """Break the connection now, and wait until it is broken; bytes not sent yet are lost."""
    transport: Transport = scope["extensions"][_TRANSPORT]
    transport.abort()
    await gone(receive)


def hang_up(scope: Scope) -> None:
    """Close the connection once the bytes written so far are out."""
    transport: Transport = scope["extensions"][_TRANSPORT]
    transport.close()


async def gone(receive: Receive) -> None:
    """Wait for the end of a connection."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""What each kind of fault does to one request."""

import asyncio
import gzip
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneloop.emulator import connection
from tuneloop.emulator.clock import Clock
from tuneloop.emulator.faults import Fault, Padding

_BLOCK = 1 << 24
"""Blanks that are packed together; as many again are never held."""


class DelayedEffects:
    """Effects with a time; they come in that order, and before anybody can see their absence.

    They wait in memory: an emulator that stops forgets them, as a provider does whose queue was lost.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        self._one_at_a_time = asyncio.Lock()

    def add(self, delay_s: float, effect: Callable[[], Awaitable[None]]) -> None:
        """Let an effect come `delay_s` seconds from now, by the emulator's clock."""
        self._waiting.append((self._clock.now() + delay_s, effect))
        self._waiting.sort(key=lambda entry: entry[0])

    async def settle(self) -> None:
        """Apply everything that is due, each at the time it was due. Called before each request."""
        if not self._waiting:
            return
        async with self._one_at_a_time:
            while self._waiting and self._waiting[0][0] <= self._clock.now():
                due, effect = self._waiting.pop(0)
                with self._clock.fixed_at(due):
                    await effect()


@dataclass(frozen=True)
class Exchange:
    """One request on its way to the routes, and the way back."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    """Of the body that was held back."""
    connection: Receive
    """Of the connection itself."""
    send: Send
    fault_response: Callable[[Fault], Response]
    delayed: DelayedEffects

    async def pass_on(self) -> None:
        await self.app(self.scope, self.receive, self.send)

    async def take_effect_silently(self) -> None:

        async def nowhere(_: Message) -> None:
            pass

        await self.app(self.scope, self.receive, nowhere)

    async def reject(self, fault: Fault) -> None:
        response = self.fault_response(fault)
        if fault.body == "html":
            response = HTMLResponse(_gateway_page(fault.status), fault.status)
        if 300 <= fault.status < 400:
            response.headers["Location"] = fault.location or self.scope["path"]
        await response(self.scope, self.receive, self.send)


async def apply(exchange: Exchange, fault: Fault) -> None:
    """Do to a request what its fault says: first its effect, if it has one now or later, then its response."""
    exchange = replace(exchange, send=_spoiled(exchange, fault))
    if fault.kind in ("answer", "slow", "truncate"):
        await exchange.pass_on()
        return
    if fault.kind in ("fail_after_effect", "cut_after_effect"):
        await exchange.take_effect_silently()
    if fault.kind in ("fail_before_late_effect", "cut_before_late_effect"):
        exchange.delayed.add(fault.delay_s, exchange.take_effect_silently)
    if fault.kind.startswith("cut"):
        await connection.cut(exchange.scope, exchange.connection)
    else:
        await exchange.reject(fault)


def _spoiled(exchange: Exchange, fault: Fault) -> Send:
    send, scope = exchange.send, exchange.scope
    if fault.drip_s:
        send = _dripped(send, scope, fault.drip_s)
    if fault.padding_bytes:
        send = _padded(send, scope, fault.padding_bytes, fault.padding)
    if fault.kind == "slow":
        send = _slowed(send, fault.delay_s)
    if fault.kind == "truncate":
        send = _truncated(send, scope, fault.after_bytes)
    return send


def _gateway_page(status: int) -> str:
    title = f"{status} {HTTPStatus(status).phrase}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )


def _slowed(send: Send, delay_s: float) -> Send:
    async def slow(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(delay_s)
        await send(message)

    return slow


def _truncated(send: Send, scope: Scope, left: int) -> Send:
    async def short(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            await send(message)
        elif left >= 0:
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body[:left], "more_body": True})
            left -= len(body)
            if left < 0 or not message.get("more_body", False):
                left = -1
                connection.hang_up(scope)

    return short


def _dripped(send: Send, scope: Scope, each_s: float) -> Send:
    """Return a `send` that lets one byte of the body go at a time, and stops when nobody is there."""

    async def drip(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        for byte in message.get("body", b""):
            await asyncio.sleep(each_s)
            if connection.is_gone(scope):
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({**message, "body": b""})

    return drip


def _padded(send: Send, scope: Scope, size: int, padding: Padding) -> Send:
    """Return a `send` that lets `size` blanks follow the body, and stops when nobody is there.

    Packed, each block is a gzip file of its own, which any reader of gzip takes as one: so gigabytes of blanks
    cost megabytes on the wire and one block in memory.
    """

    def pack(content: bytes) -> bytes:
        return gzip.compress(content, mtime=0) if padding == "gzip" else content

    async def pad(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [header for header in message["headers"] if header[0].lower() != b"content-length"]
            packed = [(b"content-encoding", b"gzip")] if padding == "gzip" else []
            await send({**message, "headers": headers + packed})
            return
        await send({**message, "body": pack(message.get("body", b"")), "more_body": True})
        if message.get("more_body", False):
            return
        whole, rest = divmod(size, _BLOCK)
        block = pack(b" " * _BLOCK) if whole else b""
        for piece in itertools.chain(itertools.repeat(block, whole), [pack(b" " * rest)]):
            if connection.is_gone(scope):
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return pad

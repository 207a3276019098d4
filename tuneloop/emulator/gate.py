"""What stands before the provider's routes: whole requests only, the request log, and the faults."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneloop.emulator import connection, object_routes
from tuneloop.emulator.faults import Fault, FaultKind, FaultQueue
from tuneloop.emulator.objects import PREFIX as OBJECTS
from tuneloop.emulator.request_log import RequestLog

CONTROL = "/_emulator/"
"""Prefix of the control routes; they are neither logged nor hit by faults."""


@dataclass(frozen=True)
class _Call:
    """One request on its way to the routes."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    refusal: Callable[[int], Response]

    async def pass_on(self, send: Send | None = None) -> None:
        await self.app(self.scope, self.receive, send or self.send)

    async def take_effect_silently(self) -> None:
        async def nowhere(_: Message) -> None:
            pass

        await self.pass_on(nowhere)

    async def refuse(self, status: int) -> None:
        await self.refusal(status)(self.scope, self.receive, self.send)


class Gate:
    """ASGI middleware around one provider.

    Args:
        app: the provider's routes.
        log: where arrivals are noted.
        faults: what the requests meet.
        refusal: the provider's own answer for a status that a fault asks for.
    """

    def __init__(
        self, app: ASGIApp, log: RequestLog, faults: FaultQueue, refusal: Callable[[int], Response]
    ) -> None:
        self._app = app
        self._log = log
        self._faults = faults
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or do to it what the queue says."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        position = self._log.arrived(scope["method"], scope["path"])

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log.answered(position, message["status"])
            await send(message)

        stored = scope["path"].startswith(OBJECTS)
        # Archives are streamed to disk by their route; everything else is held back until its last
        # byte is in, so that a request that was only half sent has no effect and meets no fault.
        whole = receive if stored else await _whole_request(receive)
        if whole is None:
            return
        refusal = object_routes.refusal if stored else self._refusal
        call = _Call(self._app, scope, whole, logged, refusal)
        fault = self._faults.take(scope["method"], scope["path"])
        # A stopping emulator cancels what is still slow; its connection is broken already.
        with contextlib.suppress(asyncio.CancelledError):
            await (_FAULTS[fault.kind](call, fault) if fault else call.pass_on())


async def _whole_request(receive: Receive) -> Receive | None:
    """Read the body to its end; None if the sender went away before."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


async def _refuse(call: _Call, fault: Fault) -> None:
    await call.refuse(fault.status)


async def _fail_after_effect(call: _Call, fault: Fault) -> None:
    await call.take_effect_silently()
    await call.refuse(fault.status)


async def _cut_before_effect(call: _Call, _: Fault) -> None:
    await connection.cut(call.scope, call.receive)


async def _cut_after_effect(call: _Call, _: Fault) -> None:
    await call.take_effect_silently()
    await connection.cut(call.scope, call.receive)


async def _slow(call: _Call, fault: Fault) -> None:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(fault.delay_s)
        await call.send(message)

    await call.pass_on(late)


async def _truncate(call: _Call, fault: Fault) -> None:
    left = fault.after_bytes

    async def short(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            await call.send(message)
        elif left >= 0:
            body = message.get("body", b"")
            await call.send({"type": "http.response.body", "body": body[:left], "more_body": True})
            left -= len(body)
            if left < 0 or not message.get("more_body", False):
                left = -1
                connection.hang_up(call.scope)

    await call.pass_on(short)


_FAULTS: dict[FaultKind, Callable[[_Call, Fault], Awaitable[None]]] = {
    "refuse": _refuse,
    "fail_after_effect": _fail_after_effect,
    "cut_before_effect": _cut_before_effect,
    "cut_after_effect": _cut_after_effect,
    "slow": _slow,
    "truncate": _truncate,
}

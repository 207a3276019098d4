"""What each kind of fault does to one request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneloop.emulator import connection
from tuneloop.emulator.bad_bodies import dripped, gateway_page, padded
from tuneloop.emulator.delayed_effects import LateEffects
from tuneloop.emulator.faults import Fault, FaultKind


@dataclass(frozen=True)
class Call:
    """One request on its way to the routes."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    """Of the body that was held back."""
    connection: Receive
    """Of the connection itself."""
    send: Send
    refusal: Callable[[Fault], Response]
    late: LateEffects

    async def pass_on(self, send: Send | None = None) -> None:
        """Let the routes answer."""
        await self.app(self.scope, self.receive, send or self.send)

    async def take_effect_silently(self) -> None:
        """Let the routes do their work, and drop what they answer."""

        async def nowhere(_: Message) -> None:
            pass

        await self.pass_on(nowhere)

    async def refuse(self, fault: Fault) -> None:
        """Answer with the status of a fault."""
        answer = self.refusal(fault)
        if fault.body == "html":
            answer = HTMLResponse(gateway_page(fault.status), fault.status)
        if 300 <= fault.status < 400:
            answer.headers["Location"] = fault.location or self.scope["path"]
        await answer(self.scope, self.receive, self.send)


async def meet(call: Call, fault: Fault) -> None:
    """Do to a request what its fault says."""
    send = call.send
    if fault.drip_s:
        send = dripped(send, fault.drip_s, lambda: connection.is_gone(call.scope))
    if fault.padding_bytes:
        send = padded(send, fault.padding_bytes, fault.padding, lambda: connection.is_gone(call.scope))
    await _EFFECTS[fault.kind](replace(call, send=send), fault)


async def _answer(call: Call, _: Fault) -> None:
    await call.pass_on()


async def _refuse(call: Call, fault: Fault) -> None:
    await call.refuse(fault)


async def _fail_after_effect(call: Call, fault: Fault) -> None:
    await call.take_effect_silently()
    await call.refuse(fault)


async def _fail_before_late_effect(call: Call, fault: Fault) -> None:
    call.late.add(fault.delay_s, call.take_effect_silently)
    await call.refuse(fault)


async def _cut_before_effect(call: Call, _: Fault) -> None:
    await connection.cut(call.scope, call.connection)


async def _cut_after_effect(call: Call, _: Fault) -> None:
    await call.take_effect_silently()
    await connection.cut(call.scope, call.connection)


async def _cut_before_late_effect(call: Call, fault: Fault) -> None:
    call.late.add(fault.delay_s, call.take_effect_silently)
    await connection.cut(call.scope, call.connection)


async def _slow(call: Call, fault: Fault) -> None:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(fault.delay_s)
        await call.send(message)

    await call.pass_on(late)


async def _truncate(call: Call, fault: Fault) -> None:
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


_EFFECTS: dict[FaultKind, Callable[[Call, Fault], Awaitable[None]]] = {
    "answer": _answer,
    "refuse": _refuse,
    "fail_after_effect": _fail_after_effect,
    "fail_before_late_effect": _fail_before_late_effect,
    "cut_before_effect": _cut_before_effect,
    "cut_after_effect": _cut_after_effect,
    "cut_before_late_effect": _cut_before_late_effect,
    "slow": _slow,
    "truncate": _truncate,
}

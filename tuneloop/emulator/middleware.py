"""What stands before the provider's routes: whole requests only, the request log, and the faults."""

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import Callable
from email.utils import formatdate

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneloop.emulator import connection, object_routes
from tuneloop.emulator.delayed_effects import LateEffects
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fault_effects import Call, meet
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.objects import PREFIX as OBJECTS
from tuneloop.emulator.request_body import held_back, patient

CONTROL = "/_emulator/"
"""Prefix of the control routes; they are neither logged nor hit by faults."""


class _Sent:
    """Counts what goes out of one answer's body, before it does: whoever has it may look at the log at once."""

    def __init__(self, send: Send, tell: Callable[[int, str | None], None]) -> None:
        self._send = send
        self._tell = tell
        self._body_bytes = 0
        self._content_range: str | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            found = dict(message.get("headers", ())).get(b"content-range")
            self._content_range = found.decode() if found else None
        elif message.get("body"):
            self._body_bytes += len(message["body"])
            self._tell(self._body_bytes, self._content_range)
        await self._send(message)


class Gate:
    """ASGI middleware around one provider.

    Args:
        app: the provider's routes.
        emulation: its request log, faults and switches.
    """

    def __init__(self, app: ASGIApp, emulation: Emulation) -> None:
        self._app = app
        self._emulation = emulation
        self._late = LateEffects(emulation.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or do to it what the queue says."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._late.settle()
            await self._app(scope, receive, send)
            return
        log = self._emulation.requests
        position = log.arrived(scope["method"], scope["path"])

        stored = scope["path"].startswith(OBJECTS)
        # The bodies of API calls are small and not worth a line.
        out = _Sent(send, functools.partial(log.sent, position)) if stored else send

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.answered(position, message["status"])
                message = {**message, "headers": [*message["headers"], (b"date", self._date())]}
            await out(message)

        await self._answer(scope, receive, logged, position)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, position: int) -> None:
        stored = scope["path"].startswith(OBJECTS)
        hurried = patient(receive, self._emulation.switches.now.read_timeout_s)
        # Archives are streamed to disk by their route; everything else is held back until its last
        # byte is in, so that a request that was only half sent has no effect and meets no fault.
        whole = hurried if stored else await held_back(hurried)
        if whole is None:
            await connection.cut(scope, receive)
            return
        await self._late.settle()
        call = Call(self._app, scope, whole, receive, send, self._refusal_of(stored=stored), self._late)
        fault = self._emulation.faults.take(scope["method"], scope["path"])
        if fault is None and stored and scope["method"] == "GET":
            fault = self._cut(position)
        # A stopping emulator cancels what is still slow; its connection is broken already.
        with contextlib.suppress(asyncio.CancelledError):
            await (meet(call, fault) if fault else call.pass_on())

    def _date(self) -> bytes:
        """The true time, which the emulator's clock need not show, or what a switch makes of it."""
        return formatdate(time.time() + self._emulation.switches.now.date_off_s, usegmt=True).encode()

    def _cut(self, position: int) -> Fault | None:
        """Where a download breaks, if a switch says that they do."""
        switches = self._emulation.switches.now
        if not switches.download_cut:
            return None
        drawn = random.Random(f"{switches.download_seed}:{position}").randint(0, switches.download_cut)
        return Fault("truncate", after_bytes=drawn)

    def _refusal_of(self, *, stored: bool) -> Callable[[Fault], Response]:
        if stored:
            return object_routes.refusal
        return functools.partial(self._emulation.provider.refusal, self._emulation)

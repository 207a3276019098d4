"""What stands before the provider's routes: whole requests only, the request log, and the faults."""

import asyncio
import contextlib
import functools
import random
import time
from email.utils import formatdate

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneloop.emulator import connection, object_routes
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fault_effects import DelayedEffects, Exchange, apply
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.objects import PREFIX as OBJECTS

CONTROL = "/_emulator/"
"""Prefix of the control routes; they are neither logged nor hit by faults."""


class FaultMiddleware:
    """ASGI middleware around one provider's routes."""

    def __init__(self, app: ASGIApp, emulation: Emulation) -> None:
        self._app = app
        self._emulation = emulation
        self._delayed = DelayedEffects(emulation.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._delayed.settle()
            await self._app(scope, receive, send)
            return
        position = self._emulation.requests.arrived(scope["method"], scope["path"])
        stored = scope["path"].startswith(OBJECTS)
        # Archives are streamed to disk by their route; everything else is held back until its last
        # byte is in, so that a request that was only half sent has no effect and meets no fault.
        whole = receive if stored else await _held_back(receive)
        if whole is None:
            await connection.cut(scope, receive)
            return
        await self._delayed.settle()
        response = functools.partial(self._fault_response, stored=stored)
        sender = self._logged(send, position, stored=stored)
        exchange = Exchange(self._app, scope, whole, receive, sender, response, self._delayed)
        fault = self._emulation.faults.take(scope["method"], scope["path"])
        if fault is None and stored and scope["method"] == "GET":
            fault = self._cut(position)
        # A stopping emulator cancels what is still slow; its connection is broken already.
        with contextlib.suppress(asyncio.CancelledError):
            await (apply(exchange, fault) if fault else exchange.pass_on())

    def _logged(self, send: Send, position: int, *, stored: bool) -> Send:
        """Return a `send` that dates the response and logs its status and, of an object, its bytes."""
        log, sent_bytes, content_range = self._emulation.requests, 0, None

        async def logged(message: Message) -> None:
            nonlocal sent_bytes, content_range
            if message["type"] == "http.response.start":
                log.answered(position, message["status"])
                found = dict(message["headers"]).get(b"content-range")
                content_range = found.decode() if found else None
                # The true time, which the emulator's clock need not show, shifted by a switch.
                date = formatdate(time.time() + self._emulation.switches.now.date_off_s, usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", date.encode())]}
            elif stored and message.get("body"):
                # Before they go out: whoever has them may read the log at once.
                sent_bytes += len(message["body"])
                log.sent(position, sent_bytes, content_range)
            await send(message)

        return logged

    def _cut(self, position: int) -> Fault | None:
        switches = self._emulation.switches.now
        if not switches.download_cut:
            return None
        drawn = random.Random(f"{switches.download_seed}:{position}").randint(0, switches.download_cut)
        return Fault("truncate", after_bytes=drawn)

    def _fault_response(self, fault: Fault, *, stored: bool) -> Response:
        if stored:
            return object_routes.fault_response(fault)
        return self._emulation.provider.fault_response(self._emulation, fault)


async def _held_back(receive: Receive) -> Receive | None:
    """Read a body to its end, and return a `receive` that gives it once more; None if it never came whole."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    whole = iter([{"type": "http.request", "body": bytes(body), "more_body": False}])

    async def replayed() -> Message:
        return next(whole, None) or await receive()

    return replayed

"""The body of a request, held back on disk until its last byte is in."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from typing import BinaryIO

from starlette.types import Message, Receive

_IN_MEMORY = 1 << 20
"""Bytes; a larger body goes to a temporary file."""
_CHUNK = 1 << 20


def patient(receive: Receive, patience_s: float | None) -> Receive:
    """Return a `receive` that takes silence for the end of the connection.

    Args:
        receive: of the connection.
        patience_s: real seconds to wait for the next bytes of the body; None waits for ever.
    """
    if patience_s is None:
        return receive
    whole = False

    async def hurried() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), patience_s)
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = not message.get("more_body", False)
        return message

    return hurried


async def held_back(receive: Receive) -> Receive | None:
    """Read a body to its end, and return a `receive` that gives it once more; None if it never came whole."""
    file: BinaryIO = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            file.close()
            return None
        file.write(message.get("body", b""))
        more = message.get("more_body", False)
    return _replayed(file, receive)


def _replayed(file: BinaryIO, receive: Receive) -> Callable[[], Awaitable[Message]]:
    size = file.tell()
    file.seek(0)
    over = False

    async def replayed() -> Message:
        nonlocal over
        if over:
            return await receive()
        body = file.read(_CHUNK)
        over = file.tell() == size
        if over:
            file.close()
        return {"type": "http.request", "body": body, "more_body": not over}

    return replayed

"""Bodies that are not what their client hopes for: pages of a gateway, single bytes, and far too much."""

import asyncio
import gzip
import itertools
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import Message, Send

from tuneloop.emulator.faults import Padding

_BLOCK = 1 << 24
"""Blanks that are packed together; as many again are never held."""


def gateway_page(status: int) -> str:
    """Return the page that a gateway shows in place of the provider's own error."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )


def dripped(send: Send, each_s: float, is_gone: Callable[[], bool]) -> Send:
    """Return a `send` that lets one byte of the body go at a time, and stops when nobody is there."""

    async def drip(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        for byte in message.get("body", b""):
            await asyncio.sleep(each_s)
            if is_gone():
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({**message, "body": b""})

    return drip


def padded(send: Send, size: int, padding: Padding, is_gone: Callable[[], bool]) -> Send:
    """Return a `send` that lets `size` blanks follow the body, and stops when nobody is there.

    Packed, each block is a gzip file of its own, which any reader of gzip takes as one: so gigabytes of blanks
    cost megabytes on the wire and one block in memory.
    """

    def pack(content: bytes) -> bytes:
        return gzip.compress(content, mtime=0) if padding == "gzip" else content

    async def pad(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(_without_length(message, padding))
            return
        await send({**message, "body": pack(message.get("body", b"")), "more_body": True})
        if message.get("more_body", False):
            return
        whole, rest = divmod(size, _BLOCK)
        block = pack(b" " * _BLOCK) if whole else b""
        for piece in itertools.chain(itertools.repeat(block, whole), [pack(b" " * rest)]):
            if is_gone():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return pad


def _without_length(start: Message, padding: Padding) -> Message:
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    if padding == "gzip":
        headers.append((b"content-encoding", b"gzip"))
    return {**start, "headers": headers}

"""The body of BFL's submit: a zip of any size as base64 within JSON, produced while it is sent."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tuneloop.http.bodies import StreamingJsonBody

_FIELD = "file_data"
_ENCODED_AT_ONCE = 48 * 1024
"""A multiple of three, 64 KiB when encoded. Above 128 KiB every encoded piece would be fresh memory from the
kernel, which halves the speed; http.client sends each piece with one call, so smaller ones gain nothing."""


def finetune_body(document: dict[str, Any], zip_chunks: Iterable[bytes], zip_size_bytes: int) -> StreamingJsonBody:
    """Spell the submit with its zip, with memory bounded by one chunk; `document` is every other field."""
    head = json.dumps(document)[:-1] + (", " if document else "") + f'"{_FIELD}": "'
    tail = '"}'
    encoded_size = 4 * ((zip_size_bytes + 2) // 3)

    def chunks() -> Iterator[bytes]:
        yield head.encode()
        yield from _base64(zip_chunks)
        yield tail.encode()

    return StreamingJsonBody(len(head.encode()) + encoded_size + len(tail), chunks())


def _base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encode a stream in equal pieces of whole groups; only its end may be encoded with a filling."""
    rest = b""
    for chunk in chunks:
        taken = _ENCODED_AT_ONCE - len(rest) if rest else 0
        rest += chunk[:taken]
        if rest and len(rest) < _ENCODED_AT_ONCE:
            continue
        if rest:
            yield binascii.b2a_base64(rest, newline=False)
        end = len(chunk) - (len(chunk) - taken) % _ENCODED_AT_ONCE
        whole = memoryview(chunk)
        for start in range(taken, end, _ENCODED_AT_ONCE):
            yield binascii.b2a_base64(whole[start : start + _ENCODED_AT_ONCE], newline=False)
        rest = chunk[end:]
    if rest:
        yield binascii.b2a_base64(rest, newline=False)

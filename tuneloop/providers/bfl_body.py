"""The body of BFL's submit: a zip of any size as base64 within JSON, produced while it is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tuneloop.request_body import PaidBody

_FIELD = "file_data"


def finetune_body(document: dict[str, Any], zip_chunks: Iterable[bytes], zip_size_bytes: int) -> PaidBody:
    """Spell the submit with its zip, with memory bounded by one chunk.

    Args:
        document: Every other field.
        zip_chunks: The zip.
        zip_size_bytes: Its exact size.
    """
    head = json.dumps(document)[:-1] + (", " if document else "") + f'"{_FIELD}": "'
    tail = '"}'
    encoded_size = 4 * ((zip_size_bytes + 2) // 3)

    def chunks() -> Iterator[bytes]:
        yield head.encode()
        yield from _base64(zip_chunks)
        yield tail.encode()

    return PaidBody(len(head.encode()) + encoded_size + len(tail), chunks())


def _base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encode a stream; only whole groups of three bytes may be encoded before its end."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        if whole:
            yield base64.b64encode(data[:whole])
    if rest:
        yield base64.b64encode(rest)

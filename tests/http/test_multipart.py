"""A file is posted as a form while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from email import message_from_bytes
from typing import Any

import pytest

from tests.http.speaking import saying, speaking
from tuneloop.errors import CorruptRecord
from tuneloop.http.bodies import MultipartFile
from tuneloop.http.transport import Transport
from tuneloop.providers.segmind.errors import map_error

ZIP = [b"PK\x03\x04", bytes(range(256)) * 300, b"\r\n--\r\n"]


def form(chunks: Iterable[bytes], size: int) -> MultipartFile:
    return MultipartFile("content", "0123-g1.zip", "application/zip", chunks, size)


def test_file_arrives_whole_under_its_name_with_the_key() -> None:
    with speaking(saying("201 Created", b"{}")) as server:
        transport = Transport("toy", server.url, ("Authorization", "Bearer", "a-key"), map_error)
        transport.post_file("/files", form(ZIP, sum(map(len, ZIP))), accept=(201,))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"Authorization: Bearer a-key" in head
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:"))
    parts: Any = message_from_bytes(kind + b"\r\n\r\n" + body).get_payload()
    (part,) = parts
    assert part.get_payload(decode=True) == b"".join(ZIP)
    assert (part.get_filename(), part.get_content_type()) == ("0123-g1.zip", "application/zip")


def test_damaged_file_is_named_and_not_taken_for_a_broken_connection() -> None:
    def damaged() -> Iterable[bytes]:
        yield b"PK"
        raise CorruptRecord("image a.png is damaged")

    with speaking(saying("201 Created", b"{}")) as server:
        transport = Transport("toy", server.url, ("Authorization", "Bearer", "a-key"), map_error)
        with pytest.raises(CorruptRecord, match=r"a\.png"):
            transport.post_file("/files", form(damaged(), 100), accept=(201,))

"""Bodies with an archive in them."""

import base64
import hashlib
import io
import json
import tempfile
import tracemalloc
from typing import Any, BinaryIO

import pytest

from tuneloop.emulator.json_upload import JsonUpload, NotBase64


def _noise(size: int) -> bytes:
    return hashlib.shake_128(b"harbour").digest(size)


def _upload(body: bytes) -> JsonUpload:
    return JsonUpload(_file(body), "file_data")


def _file(body: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the upload reads from it
    file.write(body)
    file.flush()
    return file


def _decoded(upload: JsonUpload) -> bytes:
    kept = io.BytesIO()
    upload.decode(kept.write)
    return kept.getvalue()


def _echo(upload: JsonUpload, document: Any) -> bytes:
    size, pieces = upload.echoed(document)
    echo = b"".join(pieces)
    assert len(echo) == size
    return echo


@pytest.mark.parametrize("size", [0, 1, 2, 3, 786431, 786432, 786433, 3_000_000])
def test_an_archive_of_any_size_comes_out_as_it_went_in(size: int) -> None:
    archive = _noise(size)
    text = base64.b64encode(archive).decode()
    for body in ({"file_data": text, "mode": "style"}, {"mode": "style", "file_data": text}):
        upload = _upload(json.dumps(body).encode())
        assert _decoded(upload) == archive
        assert upload.fields["mode"] == "style"
        assert json.loads(_echo(upload, {"input": upload.fields})) == {"input": body}


def test_escaped_slashes_and_line_breaks_are_part_of_base64_in_json() -> None:
    archive = _noise(2_000_000)
    lines = json.dumps({"file_data": base64.encodebytes(archive).decode()})
    for written in (lines, lines.replace("/", "\\/"), lines.replace("+", "\\u002B")):
        assert _decoded(_upload(written.encode())) == archive


@pytest.mark.parametrize(
    "body",
    [
        b'{"comment": "\\"file_data\\": \\"", "file_data": "AAAA"}',
        b'{"comment": "file_data", "file_data" : \n "AAAA"}',
        b'{"file_data":"AAAA","comment":"{\\"file_data\\":\\"BBBB\\"}"}',
    ],
)
def test_the_name_of_the_field_in_another_text_is_not_the_field(body: bytes) -> None:
    upload = _upload(body)
    assert _decoded(upload) == b"\0\0\0"
    assert json.loads(_echo(upload, upload.fields)) == json.loads(body)


@pytest.mark.parametrize(
    "text", ["AAA", "AA=A", "not base64!", 'quoted \\" quote', "\\u2014AA", "AAA\\\\", "A" * 5]
)
def test_what_is_no_base64_is_said_to_be_none(text: str) -> None:
    upload = _upload(b'{"file_data": "%b"}' % text.encode())
    with pytest.raises(NotBase64):
        _decoded(upload)


@pytest.mark.parametrize("body", [b"", b"{", b'{"file_data": "AAAA', b'{"file_data": "AAAA"', b"\xff", b"AAAA"])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        _upload(body)


@pytest.mark.parametrize("body", [b"[1]", b'"file_data"', b'{"file_data": 5}', b'{"mode": "style"}'])
def test_a_body_without_a_long_text_is_read_as_it_is(body: bytes) -> None:
    upload = _upload(body)
    assert upload.fields == json.loads(body)
    assert json.loads(_echo(upload, upload.fields)) == json.loads(body)


def test_a_large_archive_needs_little_memory() -> None:
    size = 40_000_000
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(b'{"mode":"style","file_data":"')
    for _ in range(size // 4 // 1000):
        file.write(b"AAAA" * 1000)
    file.write(b'"}')
    file.flush()
    tracemalloc.start()
    upload = JsonUpload(file, "file_data")
    decoded = echoed = 0

    def count(piece: bytes) -> None:
        nonlocal decoded
        decoded += len(piece)

    upload.decode(count)
    echoed = sum(len(piece) for piece in upload.echoed(upload.fields)[1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (decoded, echoed) == (size // 4 * 3, size + 31)
    assert peak < size / 4

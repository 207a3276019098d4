"""Weights within an archive: a tar or a zip, from servers with and without ranges."""

from __future__ import annotations

import io
import itertools
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tuneloop.errors import ProviderUnavailable
from tuneloop.providers.replicate.archive import weights_in
from tuneloop.schemas.ranged_source import RangedSource

WEIGHTS = bytes(range(256)) * 1_000
CAPTION = b"a caption\n" * 9_000


class Server:
    """An archive, and which bytes of it were asked for."""

    def __init__(self, content: bytes, *, ranges: bool, cut: int | None = None) -> None:
        self.content, self.cut = content, cut
        self.sent = 0
        self.source = RangedSource(len(content) if ranges else None, '"etag"' if ranges else None, self._read)

    @contextmanager
    def _read(self, start: int, stop: int | None) -> Iterator[Iterator[bytes]]:
        yield self._chunks(start, min(len(self.content) if stop is None else stop, self.cut or len(self.content)))

    def _chunks(self, start: int, stop: int) -> Iterator[bytes]:
        for begin in range(start, stop, 10_000):
            chunk = self.content[begin : min(begin + 10_000, stop)]
            self.sent += len(chunk)
            yield chunk


def tar(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"output/job/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


class Pipe(io.BytesIO):
    """Cannot go back, so that a zip tells sizes only behind each file."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def zipped(method: int, files: dict[str, bytes], file: io.BytesIO | None = None) -> bytes:
    file = file if file is not None else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


FILES = {"captions.txt": CAPTION, "lora.safetensors": WEIGHTS, "settings.txt": b"steps: 3"}
ARCHIVES = {
    "tar": tar(FILES),
    "stored zip": zipped(zipfile.ZIP_STORED, FILES),
    "deflated zip": zipped(zipfile.ZIP_DEFLATED, FILES),
    "zip through a pipe": zipped(zipfile.ZIP_DEFLATED, {"lora.safetensors": WEIGHTS, "b.txt": CAPTION}, Pipe()),
}


def whole(source: RangedSource) -> bytes:
    with source.read(0, None) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("kind", ARCHIVES)
def test_weights_are_found_and_read_whole(kind: str, ranges: bool) -> None:
    source = weights_in(Server(ARCHIVES[kind], ranges=ranges).source)
    assert whole(source) == WEIGHTS
    assert source.size_bytes == (len(WEIGHTS) if ranges or kind != "zip through a pipe" else None)


OLD = b"an older state" * 1_000
CHOICES: dict[str, tuple[dict[str, bytes], bytes | str]] = {
    "checkpoint first": ({"a/lora_000250.safetensors": OLD, "a/lora.safetensors": WEIGHTS}, WEIGHTS),
    "one of another name": (
        {"._x.safetensors": OLD, "__MACOSX/x.safetensors": OLD, "x.safetensors": WEIGHTS},
        WEIGHTS,
    ),
    "only a Mac's": (
        {"._lora.safetensors": OLD, "__MACOSX/lora.safetensors": OLD},
        "has no .safetensors file",
    ),
    "two of other names": ({"a.safetensors": OLD, "b.safetensors": WEIGHTS}, "has 2 .safetensors files"),
}


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("choice", CHOICES)
def test_weights_are_those_of_the_usual_name_or_the_only_ones(choice: str, kind: str, ranges: bool) -> None:
    files, expected = CHOICES[choice]
    archive = tar(files) if kind == "tar" else zipped(zipfile.ZIP_DEFLATED, files)
    source = Server(archive, ranges=ranges).source
    if isinstance(expected, bytes):
        assert whole(weights_in(source)) == expected
        return
    with pytest.raises(ProviderUnavailable, match=expected):
        weights_in(source)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_zip_whose_sizes_are_beside_its_headers_is_read(method: int, ranges: bool) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    source = weights_in(Server(file.getvalue(), ranges=ranges).source)
    assert (whole(source), source.size_bytes) == (WEIGHTS, len(WEIGHTS))


def test_weights_are_whole_where_the_last_input_makes_more_than_one_piece() -> None:
    weights = bytes((1 << 20) + 10)
    archive = zipped(zipfile.ZIP_DEFLATED, {"lora.safetensors": weights})
    assert whole(weights_in(Server(archive, ranges=True).source)) == weights


@pytest.mark.parametrize("kind", ["tar", "stored zip"])
def test_weights_that_are_not_packed_are_read_by_range_and_nothing_before_them_is(kind: str) -> None:
    server = Server(ARCHIVES[kind], ranges=True)
    source = weights_in(server.source)
    server.sent = 0
    with source.read(1_000, 90_000) as chunks:
        assert b"".join(chunks) == WEIGHTS[1_000:90_000]
    assert server.sent == 89_000
    assert source.etag == '"etag"'


def test_deflated_weights_have_no_ranges_of_their_own() -> None:
    assert weights_in(Server(ARCHIVES["deflated zip"], ranges=True).source).etag is None


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tar({"captions.txt": CAPTION}), "has no .safetensors file"),
        (zipped(zipfile.ZIP_DEFLATED, {"a.txt": CAPTION}), "has no .safetensors file"),
        (zipped(zipfile.ZIP_BZIP2, FILES), "packed by a method"),
        (b"<html>nothing here</html>", "cannot be read"),
    ],
    ids=["tar without weights", "zip without weights", "bzip2", "no archive"],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_archive_without_readable_weights_is_said_so_and_may_be_tried_again(
    archive: bytes, reason: str, ranges: bool
) -> None:
    with pytest.raises(ProviderUnavailable, match=reason):
        weights_in(Server(archive, ranges=ranges).source)


def test_zip_whose_sizes_follow_needs_ranges_where_another_file_comes_first() -> None:
    archive = zipped(zipfile.ZIP_DEFLATED, FILES, Pipe())
    assert whole(weights_in(Server(archive, ranges=True).source)) == WEIGHTS
    with pytest.raises(ProviderUnavailable, match="its server has no ranges"):
        weights_in(Server(archive, ranges=False).source)


@pytest.mark.parametrize("kind", ["tar", "deflated zip"])
def test_archive_that_ends_in_the_middle_of_the_weights_gives_no_whole_file(kind: str) -> None:
    archive = ARCHIVES[kind]
    source = weights_in(
        Server(archive, ranges=False, cut=archive.index(WEIGHTS[:100]) + 90_000 if kind == "tar" else 600).source
    )
    with pytest.raises(ProviderUnavailable, match="ended before the weights did"):
        whole(source)


def test_weights_take_no_more_memory_than_some_chunks() -> None:
    # A megabyte of zeros deflates to a kilobyte: what comes out is bounded too.
    archive = zipped(zipfile.ZIP_DEFLATED, {"lora.safetensors": bytes(64 << 20)})
    source = weights_in(Server(archive, ranges=True).source)
    tracemalloc.start()
    with source.read(0, None) as chunks:
        sizes = sum(len(chunk) for chunk in itertools.islice(chunks, None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sizes == 64 << 20
    assert peak < 8 << 20

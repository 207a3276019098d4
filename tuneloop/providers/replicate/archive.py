"""Trained weights as a member of the archive that a training hands out: read by range, or while it streams.

Sources: the trainers' public repositories (FLUX: a plain tar; Qwen: a deflated zip; both call the weights
lora.safetensors). PKWARE, APPNOTE 4.3.7 (header of a file in a zip) and 4.5.3 (sizes of a large one). Neither the
archive nor the weights are ever held as a whole.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TypeVar

from tuneloop.providers.replicate.errors import archive_error
from tuneloop.schemas.ranged_source import RangedSource

_WEIGHTS = ".safetensors"
_USUAL_NAME = "lora.safetensors"
_ZIP = b"PK\x03\x04"
_HEADER = struct.Struct("<4sHHHHHIIIHH")
_EXTRA = struct.Struct("<HH")
_SIZE_FOLLOWS = 0x08
_LARGE = 0x0001
_SIZE_IS_LARGE = 0xFFFFFFFF
_BUFFER_BYTES = 64 << 10
_OUTPUT_BYTES = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Member:
    offset: int
    """Of its first byte within the archive."""
    size: int | None
    """Unpacked, in bytes; None where a zip tells it only afterwards."""
    packed: int | None = None
    """Bytes of a deflated one within the archive; None where it is stored as it is."""
    is_deflated: bool = False


def weights_in(archive: RangedSource) -> RangedSource:
    """The one file of weights in a tar or zip.

    It can be read by range where the archive can, and does not deflate it; else as a whole.

    Raises:
        ProviderError: There is none, or the archive cannot be read.
    """
    try:
        member = _by_range(archive) if archive.etag is not None else _while_it_streams(archive)
    except (zipfile.BadZipFile, tarfile.TarError, struct.error) as error:
        raise archive_error(f"cannot be read ({error})") from None

    @contextmanager
    def read(start: int, stop: int | None) -> Iterator[Iterator[bytes]]:
        if archive.etag is None:
            with archive.read(0, None) as chunks:
                yield _contents(_skipped(chunks, member.offset), member)
        elif member.is_deflated:
            with archive.read(member.offset, member.offset + (member.packed or 0)) as chunks:
                yield _contents(chunks, member)
        else:
            end = member.size or 0 if stop is None else stop
            with archive.read(member.offset + start, member.offset + end) as chunks:
                yield chunks

    return RangedSource(member.size, None if member.is_deflated else archive.etag, read)


def _by_range(archive: RangedSource) -> _Member:
    file = io.BufferedReader(_RangedFile(archive), _BUFFER_BYTES)
    if file.read(len(_ZIP)) != _ZIP:
        file.seek(0)
        return _member_of_tar(tarfile.open(fileobj=file, mode="r:"))
    entry = _chosen((entry.filename, entry) for entry in zipfile.ZipFile(file).infolist())
    file.seek(entry.header_offset)
    *_, name_length, extra_length = _HEADER.unpack(file.read(_HEADER.size))
    offset = entry.header_offset + _HEADER.size + name_length + extra_length
    return _member_of_zip(offset, entry.compress_type, entry.compress_size, entry.file_size)


def _while_it_streams(archive: RangedSource) -> _Member:
    with archive.read(0, None) as chunks:
        stream = io.BufferedReader(_StreamedFile(chunks), _BUFFER_BYTES)
        if stream.peek(len(_ZIP)).startswith(_ZIP):
            return _member_of_zip(*_chosen(_files_of_zip(stream)))
        return _member_of_tar(tarfile.open(fileobj=stream, mode="r|"))


def _chosen(files: Iterable[tuple[str, _T]]) -> _T:
    """The file of the usual name, else the only one of weights; what a Mac adds to an archive is none."""
    found: dict[str, _T] = {}
    for name, file in files:
        *folders, last = name.split("/")
        if "__MACOSX" in folders or last.startswith("._") or not last.endswith(_WEIGHTS):
            continue
        if last == _USUAL_NAME:
            return file
        found[name] = file
    if not found:
        raise archive_error(f"has no {_WEIGHTS} file in it")
    if len(found) > 1:
        raise archive_error(f"has {len(found)} {_WEIGHTS} files in it, and none is called {_USUAL_NAME}")
    return found.popitem()[1]


def _member_of_tar(tar: tarfile.TarFile) -> _Member:
    entry = _chosen((entry.name, entry) for entry in tar if entry.isfile())
    return _Member(entry.offset_data, entry.size)


def _files_of_zip(stream: IO[bytes]) -> Iterator[tuple[str, tuple[int, int, int, int | None]]]:
    """Walk from file to file; what a zip says of them at its end is not there yet."""
    offset = 0
    while len(header := stream.read(_HEADER.size)) == _HEADER.size and header.startswith(_ZIP):
        _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _HEADER.unpack(header)
        name = stream.read(name_length).decode(errors="replace")
        size, packed = _large_sizes(size, packed, stream.read(extra_length))
        offset += _HEADER.size + name_length + extra_length
        yield name, (offset, method, packed, None if flags & _SIZE_FOLLOWS else size)
        if flags & _SIZE_FOLLOWS:
            raise archive_error("cannot be read while it streams, and its server has no ranges")
        offset += packed
        while packed and (skipped := stream.read(min(packed, _OUTPUT_BYTES))):
            packed -= len(skipped)


def _large_sizes(size: int, packed: int, extra: bytes) -> tuple[int, int]:
    """The sizes of a file in a zip, which are in an extra field where they are too large for the header."""
    while len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        if kind == _LARGE:
            large = iter(struct.unpack_from(f"<{length // 8}Q", extra, _EXTRA.size))
            size, packed = (next(large, known) if known == _SIZE_IS_LARGE else known for known in (size, packed))
        extra = extra[_EXTRA.size + length :]
    return size, packed


def _member_of_zip(offset: int, method: int, packed: int, size: int | None) -> _Member:
    if method == zipfile.ZIP_DEFLATED:
        return _Member(offset, size, packed, is_deflated=True)
    if method != zipfile.ZIP_STORED or size is None:
        raise archive_error(f"is packed by a method that is not known here ({method})")
    return _Member(offset, size)


def _skipped(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[count:]
        count = max(0, count - len(chunk))


def _contents(chunks: Iterator[bytes], member: _Member) -> Iterator[bytes]:
    """Cut off what follows, and unpack."""
    if member.is_deflated:
        yield from _inflated(chunks)
        return
    left = member.size or 0
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk[:left])
        if not left:
            return
    raise archive_error("ended before the weights did")


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            rest, piece = chunk, None
            # A full piece may not be all: more can be pending after the last byte of the input.
            while not unpacker.eof and (piece is None or len(piece) == _OUTPUT_BYTES):
                piece = unpacker.decompress(rest, _OUTPUT_BYTES)
                yield piece
                rest = unpacker.unconsumed_tail
            if unpacker.eof:
                return
    except zlib.error as error:
        raise archive_error(f"is damaged ({error})") from None
    raise archive_error("ended before the weights did")


class _RangedFile(io.RawIOBase):
    """An archive as a file that is read here and there."""

    def __init__(self, archive: RangedSource) -> None:
        self._archive = archive
        self._size = archive.size_bytes or 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        with self._archive.read(self._position, stop) as chunks:
            data = b"".join(chunks)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class _StreamedFile(io.RawIOBase):
    """An archive as a file that is read from its start on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

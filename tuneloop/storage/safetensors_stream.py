"""A check of weights before or while they go into the store: are they one whole safetensors file?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tuneloop.errors import InvalidWeights
from tuneloop.storage.safetensors_header import LONGEST_HEADER, Header, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

_LENGTH_BYTES = 8
# A broken header may name its tensors at any length.
_LONGEST_REASON = 300


class SafetensorsCheck:
    """Hands on one stream of weights, the last piece only if the file is whole.

    A store therefore never sees the end of a file that is cut, too long or something else, and nothing
    appears under its name. Memory: the header (at most 100 MB of JSON) and two pieces. The format has no
    checksum of the data: bits flipped within a tensor stay unseen.

    Args:
        name: What the weights are called in messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._head = bytearray()
        self._header: Header | None = None
        self._size = 0
        self._whole_size = 0

    @property
    def tensor_count(self) -> int:
        """Number of tensors; zero until the header has passed."""
        return self._header.tensor_count if self._header else 0

    @property
    def dtypes(self) -> frozenset[str]:
        """Types of the tensors in the spelling of the format, such as `BF16`; empty until then."""
        return self._header.dtypes if self._header else frozenset()

    def chunks(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Hand on a stream unchanged. Raises `InvalidWeights` instead of its last piece."""
        held = b""
        for chunk in source:
            if not chunk:
                continue
            self._see(chunk)
            if held:
                yield held
            held = chunk
        if self._header is None:
            self._refuse(f"it ends after {self._size:,} bytes, within its header")
        if self._size < self._whole_size:
            self._refuse(f"it ends after {self._size:,} of {self._whole_size:,} bytes")
        yield held

    def _see(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._header is None:
            self._head += chunk
            self._read_head()
        if self._header is not None and self._size > self._whole_size:
            self._refuse(f"it goes on after its {self._whole_size:,} bytes")

    def _read_head(self) -> None:
        if len(self._head) < _LENGTH_BYTES:
            return
        length = _header_length(self._name, bytes(self._head[:_LENGTH_BYTES]))
        data_start = _LENGTH_BYTES + length
        if len(self._head) < data_start:
            return
        self._header = _header(self._name, bytes(self._head[_LENGTH_BYTES:data_start]))
        self._whole_size = data_start + self._header.data_size
        self._head.clear()

    def _refuse(self, reason: str) -> NoReturn:
        _refuse(self._name, reason)


def promised_size(
    name: str, size_bytes: int, read: Callable[[int, int], AbstractContextManager[Iterator[bytes]]]
) -> int:
    """Read the header of a file and nothing else of it, and hold the file's size against it.

    Args:
        name: What the weights are called in messages.
        size_bytes: Size of the file, as its server says.
        read: Opens the bytes from one up to another.

    Raises:
        InvalidWeights: It is no safetensors file, or not as long as its header says.
    """
    if size_bytes < _LENGTH_BYTES:
        _refuse(name, f"it ends after {size_bytes:,} bytes, within its header")
    with read(0, _LENGTH_BYTES) as chunks:
        length = _header_length(name, b"".join(chunks))
    data_start = _LENGTH_BYTES + length
    if size_bytes < data_start:
        _refuse(name, f"it ends after {size_bytes:,} bytes, within its header")
    with read(_LENGTH_BYTES, data_start) as chunks:
        header = _header(name, b"".join(chunks))
    promised = data_start + header.data_size
    if size_bytes < promised:
        _refuse(name, f"it ends after {size_bytes:,} of {promised:,} bytes")
    if size_bytes > promised:
        _refuse(name, f"it goes on after its {promised:,} bytes")
    return promised


def _header_length(name: str, start: bytes) -> int:
    length = int.from_bytes(start, "little")
    if length > LONGEST_HEADER:
        _refuse(name, f"it starts with {start!r}, which is no length of a header")
    return length


def _header(name: str, text: bytes) -> Header:
    try:
        return read_header(text)
    except ValueError as error:
        _refuse(name, str(error))


def _refuse(name: str, reason: str) -> NoReturn:
    raise InvalidWeights(
        f"{name} is not one whole safetensors file: {reason[:_LONGEST_REASON]}. Nothing was stored. "
        "Fetch it again; if that ends the same way, ask the provider for the file."
    )

"""Check weights by the header of their safetensors file: what is in the file, and how long it must be.

The format: https://github.com/huggingface/safetensors#format. It has no checksum of the data: bits flipped within
a tensor stay unseen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from tuneloop.errors import InvalidWeights

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""
_LENGTH_BYTES = 8
_MAX_REASON = 300
"""Characters; a broken header may name its tensors at any length."""
_LARGEST = 2**64 - 1
_BITS = {
    "F4": 4,
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


class _Tensor(NamedTuple):
    begin: int
    end: int
    name: str


def check_file(name: str, size_bytes: int, read: Callable[[int], bytes]) -> None:
    """Read the header of a file and nothing else of it, and compare the file's size with it.

    Messages call the weights by the name. `read` returns so many of the next bytes, or fewer at the end. Raises
    `InvalidWeights` where it is no safetensors file, or not as long as its header says.
    """
    _check_size(name, size_bytes, _expected_size(name, read, size_bytes))


def checked_chunks(name: str, source: Iterable[bytes]) -> Iterator[bytes]:
    """Pass a stream of weights on; instead of the last piece, raise `InvalidWeights` if it is not one whole file.

    Memory: the header (at most 100 MB of JSON) and two pieces.
    """
    chunks, head, position = iter(source), bytearray(), 0

    def read(size: int) -> bytes:
        nonlocal position
        while len(head) < position + size and (chunk := next(chunks, None)) is not None:
            head.extend(chunk)
        position += size
        return bytes(head[position - size : position])

    expected, held = _expected_size(name, read), bytes(head)
    head.clear()
    size_bytes = len(held)
    for chunk in filter(None, chunks):
        size_bytes += len(chunk)
        if size_bytes > expected:
            break
        yield held
        held = chunk
    _check_size(name, size_bytes, expected)
    yield held


def _expected_size(name: str, read: Callable[[int], bytes], size_bytes: int | None = None) -> int:
    """Size of the whole file by its header, of which no more is read than `size_bytes` where that is known."""
    start = read(_LENGTH_BYTES)
    length = int.from_bytes(start, "little")
    if len(start) == _LENGTH_BYTES and length > MAX_HEADER_BYTES:
        _reject(name, f"it starts with {start!r}, which is not the length of a header")
    data_start = _LENGTH_BYTES + length
    is_cut = len(start) < _LENGTH_BYTES or (size_bytes is not None and size_bytes < data_start)
    header = b"" if is_cut else read(length)
    if is_cut or len(header) < length:
        end = len(start) + len(header) if size_bytes is None else size_bytes
        _reject(name, f"it ends after {end:,} bytes, within its header")
    try:
        return data_start + _bytes_of_tensors(header)
    except ValueError as error:
        _reject(name, str(error))


def _check_size(name: str, size_bytes: int, expected: int) -> None:
    if size_bytes < expected:
        _reject(name, f"it ends after {size_bytes:,} of {expected:,} bytes")
    if size_bytes > expected:
        _reject(name, f"it goes on after its {expected:,} bytes")


def _reject(name: str, reason: str) -> NoReturn:
    raise InvalidWeights(
        f"{name} is not a complete safetensors file: {reason[:_MAX_REASON]}. Nothing was stored. "
        "Fetch it again; if that ends the same way, ask the provider for the file."
    )


def _bytes_of_tensors(header: bytes) -> int:
    """Check that tensors lie side by side, each as long as its shape and type say. Raises `ValueError`."""
    entries = _entries(header)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its __metadata__ is not a map of texts")
    if not entries:
        raise ValueError("it holds no tensor")
    end = 0
    for tensor in sorted(_tensor(name, entry) for name, entry in entries.items()):
        if tensor.begin != end:
            raise ValueError(f"tensor {tensor.name!r} starts at byte {tensor.begin}, not at {end}")
        end = tensor.end
    return end


def _entries(header: bytes) -> dict[str, Any]:
    if not header.startswith(b"{"):
        raise ValueError("its header is not a JSON object")
    try:
        entries: dict[str, Any] = json.loads(
            header.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_reject_constant
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not valid JSON ({error})") from error
    return entries


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _tensor(name: str, entry: Any) -> _Tensor:
    fields = entry if isinstance(entry, dict) else {}
    dtype: Any = fields.get("dtype")
    shape: Any = fields.get("shape")
    offsets: Any = fields.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise ValueError(f"tensor {name!r} is of the unknown type {dtype!r}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:  # noqa: PLR2004 - begin, end
        raise ValueError(f"tensor {name!r} has no proper shape and data_offsets")
    begin, end = offsets
    bits = _product(shape, name) * _BITS[dtype]
    if (end - begin) * 8 != bits:
        raise ValueError(f"tensor {name!r} is {end - begin} bytes long, but {dtype} {shape} takes {bits / 8:g}")
    return _Tensor(begin, end, name)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _LARGEST for item in value)


def _product(shape: Iterable[int], name: str) -> int:
    product = 1
    for length in shape:
        product *= length
        if product > _LARGEST:
            raise ValueError(f"the shape of tensor {name!r} is too large")
    return product

"""The header of a safetensors file: what is in the file, and how long it must be.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""

_LARGEST = 2**64 - 1
_BITS = {
    "F4": 4,
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


class Header(NamedTuple):
    """What a header says of its file."""

    tensor_count: int
    """Number of tensors, at least one."""
    dtypes: frozenset[str]
    """Types of the tensors, in the spelling of the format, such as `BF16`."""
    data_size: int
    """Bytes that follow the header."""


class _Tensor(NamedTuple):
    begin: int
    end: int
    name: str
    dtype: str


def read_header(header: bytes) -> Header:
    """Read a header and check that its tensors lie side by side, each as long as its shape and type say.

    Args:
        header: The JSON text, without the eight bytes of its length.

    Raises:
        ValueError: It is not the header of a safetensors file; the message says why.
    """
    entries = _entries(header)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its __metadata__ is not a map of texts")
    if not entries:
        raise ValueError("it holds no tensor")
    tensors = sorted(_tensor(name, entry) for name, entry in entries.items())
    end = 0
    for tensor in tensors:
        if tensor.begin != end:
            raise ValueError(f"tensor {tensor.name!r} starts at byte {tensor.begin}, not at {end}")
        end = tensor.end
    return Header(len(tensors), frozenset(tensor.dtype for tensor in tensors), end)


def _entries(header: bytes) -> dict[str, Any]:
    if not header.startswith(b"{"):
        raise ValueError("its header is not a JSON object")
    try:
        entries = json.loads(
            header.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not valid JSON ({error})") from error
    if not isinstance(entries, dict):
        raise ValueError("its header is not a JSON object")  # noqa: TRY004 - one kind of error for a bad file
    return entries


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(constant: str) -> NoReturn:
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
    return _Tensor(begin, end, name, dtype)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _LARGEST for item in value)


def _product(shape: Iterable[int], name: str) -> int:
    product = 1
    for length in shape:
        product *= length
        if product > _LARGEST:
            raise ValueError(f"the shape of tensor {name!r} is beyond all bounds")
    return product

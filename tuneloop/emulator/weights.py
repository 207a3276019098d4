"""The "trained" weights: a valid safetensors file that follows from dataset and recipe.

Source of the layout: the safetensors format description (8-byte little-endian header length, JSON header
padded with spaces, tensors back to back). The tensor names are those diffusers gives a Flux LoRA.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

_WIDTH = 3072
"""Hidden size of the Flux transformer."""
_BYTES_PER_VALUE = 2
_LAYERS = [
    f"transformer.{family}_transformer_blocks.{block}.attn.{projection}"
    for family, block in (("single", 0), ("single", 1))
    for projection in ("to_q", "to_k", "to_v", "proj_out")
]
_CHUNK = 1 << 22


def etag(mark: str, size: int) -> str:
    """Return the ETag, in the form of a multipart upload, which is no MD5 of the content."""
    return f'"{hashlib.sha256(f"{mark}:{size}".encode()).hexdigest()[:32]}-2"'


def length(size: int, metadata: dict[str, str]) -> int:
    """Return the bytes of the whole file."""
    header, left = _header(size, metadata)
    return len(header) + left


def metadata(begin: bytes) -> dict[str, str]:
    """Return the metadata of a file from its first bytes; none if they are not those of such a file."""
    end = 8 + int.from_bytes(begin[:8], "little")
    try:
        header = json.loads(begin[8:end])
        found = header["__metadata__"]
    except (ValueError, LookupError, TypeError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def chunks(mark: str, size: int, metadata: dict[str, str]) -> Iterator[bytes | memoryview]:
    """Yield the file piece by piece, so that gigabytes need no memory.

    The LoRA rank that is nearest to `size` decides, so that the file is within 0.1 MB of it.
    """
    header, left = _header(size, metadata)
    yield header
    source = np.random.PCG64(int(mark, 16))
    while left > 0:
        length = min(_CHUNK, left)
        bits = source.random_raw(-(-length // 8)).view(np.uint16)
        # Random sign and mantissa under one fixed exponent: float16 values of +-0.008 to +-0.016, which is
        # what small LoRA weights look like, and never a NaN.
        np.bitwise_and(bits, 0x83FF, out=bits)
        np.bitwise_or(bits, 0x2000, out=bits)
        yield bits.data.cast("B")[:length]
        left -= length


def _header(size: int, metadata: dict[str, str]) -> tuple[bytes, int]:
    """Return the length-prefixed header and the bytes of tensors that follow."""
    rank = max(1, round(size / (len(_LAYERS) * 2 * _WIDTH * _BYTES_PER_VALUE)))
    entries: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for layer in _LAYERS:
        for side, shape in (("lora_A", [rank, _WIDTH]), ("lora_B", [_WIDTH, rank])):
            begin, end = end, end + rank * _WIDTH * _BYTES_PER_VALUE
            entries[f"{layer}.{side}.weight"] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, end

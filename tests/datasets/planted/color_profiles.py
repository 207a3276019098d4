"""Small ICC profiles, written by hand from the numbers that define the color spaces."""

from __future__ import annotations

import struct

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
"""Red, green and blue as XYZ, adapted to D50."""
WIDER = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7448))
"""Primaries of Adobe RGB (1998)."""


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _text(name: str) -> bytes:
    letters = name.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(letters), 28) + letters


def profile(name: str, primaries: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """A display profile: three primaries and one gamma curve."""
    curve = b"para\0\0\0\0\0\0\0\0" + _fixed(gamma)
    parts = [(b"desc", _text(name)), (b"wtpt", _xyz((0.9642, 1.0, 0.8249)))]
    for letter, values in zip((b"r", b"g", b"b"), primaries, strict=True):
        parts += [(letter + b"XYZ", _xyz(values)), (letter + b"TRC", curve)]
    table, body, offset = struct.pack(">I", len(parts)), b"", 128 + 4 + 12 * len(parts)
    for kind, data in parts:
        padded = data + bytes(-len(data) % 4)
        table += kind + struct.pack(">II", offset + len(body), len(data))
        body += padded
    white = b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    size = struct.pack(">I", 128 + len(table) + len(body))
    header = size + bytes(4) + b"\x04\x30\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + body

"""Color profiles made from what a format tells in a few numbers: primaries, white and a curve."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""Source: ICC.1:2022, annex E: how colors are adapted to the white of all profiles."""


class Primaries(NamedTuple):
    """Where red, green, blue and white lie, each as (x, y) of CIE 1931."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]


def matrix_profile(name: str, primaries: Primaries, curve: float | Matrix, *, gray: bool = False) -> bytes:
    """Make an ICC profile.

    Args:
        name: What it is called; ASCII.
        primaries: Of its colors.
        curve: An exponent, or the light (0 to 1) of evenly spaced values.
        gray: For images of brightness alone; the primaries do not matter then.
    """
    title = name.encode("ascii")
    description = b"desc" + bytes(4) + struct.pack(">L", len(title) + 1) + title + bytes(1 + 78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(_D50)}
    if gray:
        return _profile(b"GRAY", {**tags, b"kTRC": _curve(curve)})
    for letter, column in zip("rgb", _columns(primaries).T, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(column)
        tags[f"{letter}TRC".encode()] = _curve(curve)
    return _profile(b"RGB ", tags)


def _columns(primaries: Primaries) -> Matrix:
    """The colors of the primaries at full light, adapted to D50."""
    corners = np.array([_at_full_light(*corner) for corner in primaries[:3]]).T
    white = _at_full_light(*primaries.white)
    own = corners * np.linalg.solve(corners, white)
    scale = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ own)


def _at_full_light(x: float, y: float) -> Matrix:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(curve: float | Matrix) -> bytes:
    if isinstance(curve, np.ndarray):
        values = np.round(curve * 65535).astype(">u2").tobytes()
        return b"curv" + bytes(4) + struct.pack(">L", len(curve)) + values
    return b"curv" + bytes(4) + struct.pack(">LH", 1, round(curve * 256))


def _xyz(values: Matrix) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">l", round(float(value) * 65536)) for value in values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A display profile of version 2.1. Source: ICC.1:2001-04."""
    table, body = struct.pack(">L", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">LL", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">L4sL4s4s4s", start + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">lll", 63190, 65536, 54061) + bytes(48)
    return header + table + body

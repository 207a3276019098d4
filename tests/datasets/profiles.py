"""Color profiles, written byte by byte."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

# Primaries of a wide RGB space and of sRGB, adapted to D50, as columns of (X, Y, Z). Source: Adobe RGB (1998) and
# IEC 61966-2-1, both adapted by Bradford's matrix.
WIDE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 2.2


def wide_profile() -> bytes:
    """An RGB display profile with wide primaries and a gamma of 2.2."""
    columns = {name: _xyz(*WIDE[:, index]) for index, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curve = b"curv" + bytes(4) + struct.pack(">LH", 1, round(GAMMA * 256)) + bytes(2)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    desc = b"desc" + bytes(4) + struct.pack(">L", 5) + b"Wide\0" + bytes(78 + 3)
    tags = {b"desc": desc, b"cprt": text, b"wtpt": _xyz(0.9642, 1.0, 0.8249), **columns}
    return _profile(b"RGB ", {**tags, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def gray_profile() -> bytes:
    """A profile of brightness alone, linear, so that it brightens what it is applied to."""
    curve = b"curv" + bytes(4) + struct.pack(">LH", 1, 256) + bytes(2)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    desc = b"desc" + bytes(4) + struct.pack(">L", 5) + b"Gray\0" + bytes(78 + 3)
    return _profile(b"GRAY", {b"desc": desc, b"cprt": text, b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": curve})


def wide_to_srgb(color: tuple[int, int, int]) -> NDArray[np.float64]:
    """What a color of the wide space is in sRGB, by arithmetic, 0 to 255."""
    light = np.linalg.inv(SRGB) @ WIDE @ (np.array(color) / 255) ** GAMMA
    return _srgb(light)


def linear_to_srgb(value: int) -> float:
    """What a linear brightness is in sRGB, 0 to 255."""
    return float(_srgb(np.array([value / 255]))[0])


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = light.clip(0, 1)
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">l", round(value * 65536)) for value in values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">L", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">LL", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">L4sL4s4s4s", start + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">lll", 63190, 65536, 54061) + bytes(48)
    return header + table + body

"""Color profiles: embedded, or declared in EXIF data or in chunks of a PNG; and whether they change what one sees.

Viewers go by declared colors as by a profile. Cameras set to Adobe RGB embed none; screenshots of bright screens
have cICP.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from tuneloop.datasets.images.structure import chunk_of

Matrix = NDArray[np.float64]
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""Source: ICC.1:2022, annex E: how colors are adapted to the white of all profiles."""


_Primaries = tuple[tuple[float, float], ...]
"""Where red, green, blue and white lie, each as (x, y) of CIE 1931."""
_VISIBLE = 8
"""Levels of 256. What is called sRGB, or a gray scale of its brightness, stays below."""
_PROBES: dict[str, list[int]] = {
    # Neither gray nor the corners of the cube, where clipping hides the difference.
    "RGB": [200, 60, 60, 60, 180, 60, 70, 70, 200, 190, 180, 60, 60, 170, 180, 128, 128, 128, 60, 60, 60],
    "L": [16, 60, 90, 128, 170, 200, 240],
}
_LONGEST_NAME = 60
_D65 = (0.3127, 0.329)
_ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65)
_ADOBE_GAMMA = 563 / 256
"""Source: Adobe RGB (1998) Color Image Encoding."""
_CICP_PRIMARIES = {
    1: ("BT.709", ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), _D65)),
    5: ("BT.470", ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), _D65)),
    6: ("BT.601", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65)),
    9: ("BT.2020", ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), _D65)),
    11: ("DCI-P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351))),
    12: ("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65)),
}
"""Source: ITU-T H.273, color primaries."""
_INTEROPERABILITY, _COLOR_SPACE, _EXIF = 0xA005, 0xA001, 0x8769
_INTEROP_INDEX = 1
_IS_SRGB = 1
_STEPS = np.linspace(0, 1, 1024)


@lru_cache(maxsize=32)
def visible_color_profile(icc: bytes, mode: str) -> str | None:
    """Name a profile if its colors differ visibly from sRGB's, which trainers take every image for.

    None where it makes no difference, or where a profile that says nothing readable would be ignored anyway.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        kind = "L" if profile.profile.xcolor_space.strip() == "GRAY" else "RGB"
        if mode == "CMYK" or kind != ("L" if mode in {"1", "L", "LA", "I", "I;16", "I;16B", "F"} else "RGB"):
            return None
        probe = Image.frombytes(kind, (7, 1), bytes(_PROBES[kind]))
        shown = ImageCms.profileToProfile(probe, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        changed = ImageChops.difference(shown, probe.convert("RGB")).getextrema() if shown else ()
        if all(most <= _VISIBLE for _, most in changed):  # type: ignore[misc]
            return None
        name = ImageCms.getProfileDescription(profile).strip() or "an unnamed profile"
    except Exception:  # noqa: BLE001  Broken profiles make the library raise anything; no trainer looks at them.
        return None
    return " ".join(name.split())[:_LONGEST_NAME]


def declared_profile(image: Image.Image, data: bytes) -> bytes | None:
    """The color profile that counts for an image: the embedded one, or one made from what the file tells.

    None where nothing is told, so that it is sRGB.
    """
    try:
        gray = image.mode in {"1", "L", "LA", "I", "I;16"}
        by_code = _by_cicp(data, gray=gray) if image.format == "PNG" else None
        embedded = image.info.get("icc_profile")
        return by_code or embedded or _by_exif(image, gray=gray) or _by_chunks(image, gray=gray)
    except Exception:  # noqa: BLE001  Broken data make the libraries raise anything; viewers pass over them.
        return image.info.get("icc_profile")


def _by_cicp(data: bytes, *, gray: bool) -> bytes | None:
    """Source: PNG, third edition, 11.3.2.6: codes of primaries, transfer and more; it wins over others."""
    chunk = chunk_of(data, b"cICP")
    if chunk is None or chunk[0] not in _CICP_PRIMARIES:
        return None
    curves: dict[int, tuple[str, float | Matrix]] = {
        **dict.fromkeys((1, 6, 13, 14, 15), ("", _srgb_light())),
        4: (", gamma 2.2", 2.2),
        5: (", gamma 2.8", 2.8),
        8: (", linear", 1.0),
        16: (", HDR (PQ)", _pq_light()),
        18: (", HDR (HLG)", _hlg_light()),
    }
    if chunk[1] not in curves:
        return None
    (name, primaries), (kind, curve) = _CICP_PRIMARIES[chunk[0]], curves[chunk[1]]
    return _matrix_profile(f"{name}{kind}", primaries, curve, gray=gray)


def _by_exif(image: Image.Image, *, gray: bool) -> bytes | None:
    """Source: DCF 2.0: a file in Adobe RGB names the interoperability rule R03, and no color space."""
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    rule = str(exif.get_ifd(_INTEROPERABILITY).get(_INTEROP_INDEX, "")).strip("\0 ")
    space = exif.get_ifd(_EXIF).get(_COLOR_SPACE)
    if rule != "R03" or space == _IS_SRGB or "srgb" in image.info:
        return None
    return _matrix_profile("Adobe RGB (by its EXIF data)", _ADOBE_RGB, _ADOBE_GAMMA, gray=gray)


def _by_chunks(image: Image.Image, *, gray: bool) -> bytes | None:
    """GAMA and cHRM of a PNG, which browsers apply where both are there and no sRGB chunk is."""
    gamma, corners = image.info.get("gamma"), image.info.get("chromaticity")
    if not gamma or not corners or "srgb" in image.info:
        return None
    white, *colors = ((corners[at], corners[at + 1]) for at in range(0, 8, 2))
    primaries = (*colors, white)
    return _matrix_profile("told by gAMA and cHRM", primaries, 1 / gamma, gray=gray)


def _srgb_light() -> Matrix:
    return np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _pq_light() -> Matrix:
    """Light of the PQ curve (SMPTE ST 2084), where paper white (203 candelas, ITU-R BT.2408) is full."""
    root = _STEPS ** (32 / 2523)
    candelas = 10_000 * ((root - 0.8359375).clip(0) / (18.8515625 - 18.6875 * root)) ** (8192 / 1305)
    return np.asarray((candelas / 203).clip(0, 1))


def _hlg_light() -> Matrix:
    """Light of the HLG curve (ITU-R BT.2100), where paper white (a value of 0.75) is full."""

    def light(value: Matrix) -> Matrix:
        bright = (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(value <= 0.5, value**2 / 3, bright)  # noqa: PLR2004

    return np.asarray((light(_STEPS) / light(np.array([0.75]))).clip(0, 1))


def _matrix_profile(name: str, primaries: _Primaries, curve: float | Matrix, *, gray: bool) -> bytes:
    title = name.encode("ascii")
    description = b"desc" + bytes(4) + struct.pack(">L", len(title) + 1) + title + bytes(1 + 78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(_D50)}
    if gray:
        return _profile(b"GRAY", {**tags, b"kTRC": _curve(curve)})
    for letter, column in zip("rgb", _columns(primaries).T, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(column)
        tags[f"{letter}TRC".encode()] = _curve(curve)
    return _profile(b"RGB ", tags)


def _columns(primaries: _Primaries) -> Matrix:
    """The colors of the primaries at full light, adapted to D50."""
    *columns, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    corners = np.array(columns).T
    own = corners * np.linalg.solve(corners, white)
    scale = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ own)


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

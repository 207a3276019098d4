"""Colors that no embedded profile tells of: found, and converted as viewers show them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuneloop.datasets.images.inspect import inspect_image, strict_decoding
from tuneloop.datasets.images.normalize import normalized
from tuneloop.schemas.dataset import ImagePreprocessing

from .images import encoded
from .planted.png_writer import chunks_of, png_from
from .profiles import linear_to_srgb, wide_profile, wide_to_srgb

COLOR = (200, 90, 60)
ADOBE = "Adobe RGB (by its EXIF data)"
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def exif_of(rule: str | None, space: int, turn: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif.get_ifd(0x8769)[0xA001] = space
    if rule is not None:
        exif.get_ifd(0x8769)[0xA005] = {1: rule, 2: b"0100"}
    return exif.tobytes()


def plain(**settings: object) -> bytes:
    return encoded(Image.new("RGB", (40, 30), COLOR), "PNG", **settings)


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    header, *rest = chunks_of(plain())
    return png_from([header, *chunks, *rest])


def gama(value: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", value)


def chrm(values: tuple[int, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *values)


def profile_and_copy(
    folder: Path, data: bytes, way: ImagePreprocessing | None = None
) -> tuple[str | None, Image.Image]:
    (folder / "a").write_bytes(data)
    with strict_decoding():
        facts = inspect_image(folder / "a", "a")
        copy = normalized(data, facts, way or ImagePreprocessing()) or data
    return facts.profile, Image.open(io.BytesIO(copy))


def shown(copy: Image.Image) -> np.ndarray:
    return np.array(copy.convert("RGB").getpixel((20, 15)), float)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("rule", ["R03", "R03\0"])
def test_adobe_rgb_by_exif_alone_is_told_and_converted(folder: Path, image_format: str, rule: str) -> None:
    image = Image.new("RGB", (40, 30), COLOR)
    settings = {"quality": 100, "subsampling": 0} if image_format == "JPEG" else {"lossless": True}
    data = encoded(image, image_format, exif=exif_of(rule, 65535), **settings)
    profile, copy = profile_and_copy(folder, data, ImagePreprocessing(reencode="png"))
    assert profile == ADOBE
    assert np.abs(shown(copy) - wide_to_srgb(COLOR)).max() <= 3


@pytest.mark.parametrize(("rule", "space"), [("R98", 1), ("R03", 1), (None, 65535), (None, 1)])
def test_other_exif_data_tell_no_colors(folder: Path, rule: str | None, space: int) -> None:
    assert profile_and_copy(folder, plain(exif=exif_of(rule, space)))[0] is None


def test_embedded_profile_counts_before_exif(folder: Path) -> None:
    data = plain(exif=exif_of("R03", 65535), icc_profile=wide_profile())
    assert profile_and_copy(folder, data)[0] == "Wide"


def test_copy_that_is_only_turned_keeps_its_colors(folder: Path) -> None:
    data = plain(exif=exif_of("R03", 65535, turn=6))
    _, copy = profile_and_copy(folder, data, ImagePreprocessing(convert_to_rgb=False))
    assert copy.size == (30, 40)
    assert ADOBE.encode() in copy.info["icc_profile"]


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ([(b"cICP", bytes([12, 13, 0, 1]))], "Display P3"),
        ([(b"cICP", bytes([9, 16, 0, 1]))], "BT.2020, HDR (PQ)"),
        ([(b"cICP", bytes([9, 18, 0, 1]))], "BT.2020, HDR (HLG)"),
        ([gama(45455), chrm(P3)], "told by gAMA and cHRM"),
        ([gama(100000), chrm(SRGB)], "told by gAMA and cHRM"),
        ([(b"cICP", bytes([1, 13, 0, 1]))], None),
        ([(b"cICP", bytes([200, 200, 0, 1]))], None),
        ([(b"cICP", b"")], None),
        ([gama(45455), chrm(SRGB)], None),
        ([gama(100000)], None),
        ([(b"sRGB", b"\0"), gama(100000), chrm(P3)], None),
        ([gama(45455), chrm((0,) * 8)], None),
    ],
)
def test_colors_by_chunks_of_a_png(folder: Path, chunks: list[tuple[bytes, bytes]], name: str | None) -> None:
    profile, copy = profile_and_copy(folder, with_chunks(*chunks))
    assert profile == name
    assert (shown(copy) == np.array(COLOR, float)).all() == (name is None)


def test_linear_light_by_chunks_is_converted(folder: Path) -> None:
    _, copy = profile_and_copy(folder, with_chunks(gama(100000), chrm(SRGB)))
    assert np.abs(shown(copy) - [linear_to_srgb(value) for value in COLOR]).max() <= 2

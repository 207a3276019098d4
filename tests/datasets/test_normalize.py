"""Copies of images: what they look like, and that they are the same every time."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.datasets.image_facts import facts_of
from tests.datasets.images import encoded, noise
from tests.datasets.normal_copies import PLAIN, colorful, made, pixels
from tests.datasets.profiles import wide_profile
from tuneloop.datasets.images.normalize import normalized
from tuneloop.schemas.dataset import ImagePreprocessing

ORIENTATION = 0x0112
# What is stored for an upright image. Source: EXIF 2.32, which says where row 0 and column 0 are.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


def lying(upright: Image.Image, orientation: int, kind: str, **settings: object) -> bytes:
    """An image as a camera stores it that was held in some way."""
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(upright))))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "a maker of cameras"
    return encoded(stored, kind, exif=exif.tobytes(), **settings)


@pytest.mark.parametrize("way", [None, PLAIN], ids=["as they are", "plain"])
@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(
    ("kind", "settings", "near"),
    [("PNG", {}, 0), ("WEBP", {"lossless": True}, 0), ("JPEG", {"quality": 97, "subsampling": "4:4:4"}, 6)],
)
def test_image_that_lies_on_its_side_is_put_upright(
    orientation: int, kind: str, settings: dict[str, Any], near: int, way: ImagePreprocessing | None
) -> None:
    upright = colorful()
    copy = made(lying(upright, orientation, kind, **settings), way)
    assert copy.format == kind
    assert copy.size == upright.size
    assert abs(pixels(copy) - pixels(upright)).max() <= near
    assert len(copy.getexif()) == 0


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_plain_image_that_lies_right_is_sent_as_it_is(kind: str) -> None:
    data = lying(colorful(), 1, kind)
    for way in (None, PLAIN, ImagePreprocessing(longest_side_px=64), ImagePreprocessing(convert_to_rgb=False)):
        assert normalized(data, facts_of(data), way) is None


def test_odd_images_are_left_alone_where_nothing_is_asked_for() -> None:
    for image in (colorful().convert("CMYK"), colorful().convert("L")):
        data = encoded(image, "JPEG")
        assert normalized(data, facts_of(data), None) is None


def test_rotation_keeps_mode_profile_and_transparency() -> None:
    half = colorful().convert("RGBA")
    half.putalpha(Image.linear_gradient("L").resize(half.size))
    copy = made(lying(half, 6, "PNG", icc_profile=wide_profile()), None)
    assert np.array_equal(pixels(copy), pixels(half))
    assert copy.info["icc_profile"] == wide_profile()
    palette = colorful().quantize(7)
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    data = encoded(palette, "PNG", exif=exif.tobytes(), transparency=2)
    copy = made(data, None)
    assert copy.mode == "P"
    turned = Image.open(io.BytesIO(data)).convert("RGBA").transpose(Image.Transpose.ROTATE_180)
    assert np.array_equal(pixels(copy.convert("RGBA")), pixels(turned))


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((400, 200), 100, (100, 50)),
        ((200, 400), 100, (50, 100)),
        ((1000, 1), 64, (64, 1)),
        ((101, 67), 100, (100, 66)),
    ],
)
def test_large_images_are_scaled_down(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    copy = made(encoded(colorful(*size), "PNG"), ImagePreprocessing(longest_side_px=longest))
    assert copy.size == expected


def test_scaling_is_by_area_and_not_by_dropping_pixels() -> None:
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    copy = made(encoded(Image.fromarray(board.astype(np.uint8)), "PNG"), ImagePreprocessing(longest_side_px=64))
    assert abs(pixels(copy)[4:-4, 4:-4] - 127.5).max() <= 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("reencode", ["keep", "jpeg", "png"])
@pytest.mark.parametrize("convert", [True, False])
def test_every_mode_can_be_scaled_and_put_into_every_format(mode: str, reencode: str, convert: bool) -> None:
    image = colorful(128, 64)
    if mode == "I;16":
        image = Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16)) * 257)
    else:
        image = image.convert(mode)
    data = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    way = ImagePreprocessing.model_validate(
        {"longest_side_px": 64, "reencode": reencode, "convert_to_rgb": convert, "jpeg_quality": 100}
    )
    copy = made(data, way)
    assert copy.size == (64, 32)
    assert copy.format == {"keep": "JPEG" if mode == "CMYK" else "PNG", "jpeg": "JPEG", "png": "PNG"}[reencode]
    if convert:
        assert copy.mode == "RGB"
    if mode not in {"1", "I;16"}:
        wanted = image.convert("RGB").resize((64, 32), Image.Resampling.BOX)
        assert abs(pixels(copy.convert("RGB")) - pixels(wanted)).mean() < 6


def test_quality_is_the_one_that_was_asked_for() -> None:
    data = encoded(noise(200, 200).convert("RGB"), "PNG")
    sizes = []
    for quality in (70, 95, 100):
        copy = normalized(data, facts_of(data), ImagePreprocessing(reencode="jpeg", jpeg_quality=quality))
        assert copy is not None
        sizes.append(len(copy))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1] < sizes[2]


def test_comments_and_resolutions_do_not_get_into_a_copy() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    with_traces = encoded(colorful(), "JPEG", exif=exif.tobytes(), comment=b"at home", dpi=(300, 300))
    without = encoded(colorful(), "JPEG", exif=exif.tobytes())
    copy = normalized(with_traces, facts_of(with_traces), None)
    assert copy == normalized(without, facts_of(without), None)
    assert copy is not None
    assert b"at home" not in copy


WAYS = [
    None,
    PLAIN,
    ImagePreprocessing(longest_side_px=64, reencode="jpeg"),
    ImagePreprocessing(reencode="png", longest_side_px=64),
]


def samples() -> list[bytes]:
    big = colorful(200, 150)
    return [
        lying(big, 6, "JPEG"),
        lying(big.convert("RGBA"), 5, "PNG"),
        lying(big, 8, "WEBP"),
        encoded(big.convert("CMYK"), "JPEG"),
        encoded(big, "PNG", icc_profile=wide_profile()),
        encoded(big.quantize(16), "PNG", transparency=3),
        encoded(Image.fromarray(np.asarray(big.convert("L")).astype(np.uint16) * 250), "PNG"),
    ]


def digests(samples_: list[bytes]) -> list[str]:
    """Of every copy of every sample, and `None` where there is none."""
    made_ = [normalized(data, facts_of(data), way) for data in samples_ for way in WAYS]
    return ["" if data is None else hashlib.sha256(data).hexdigest() for data in made_]


def test_copies_are_the_same_in_every_process_and_in_any_number_of_threads() -> None:
    own = samples()
    expected = digests(own)
    assert sum(map(bool, expected)) > 20
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(digests, [own] * 8))
    script = (
        "import base64, sys\n"
        "from tests.datasets.test_normalize import digests\n"
        "print(*map(repr, digests([base64.b64decode(line) for line in sys.stdin.read().split()])))"
    )
    for seed in ("1", "77"):
        ended = subprocess.run(
            [sys.executable, "-c", script],
            input=b"\n".join(base64.b64encode(data) for data in own),
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": "."},
        )
        assert ended.stdout.decode().split() == [repr(digest) for digest in expected]

"""Copies of images that are no plain RGB: which colors they get."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.datasets.images import encoded
from tests.datasets.normal_copies import colorful, made, pixels
from tests.datasets.profiles import gray_profile, linear_to_srgb, wide_profile, wide_to_srgb


def test_cmyk_becomes_the_colors_that_pillow_knows() -> None:
    cmyk = colorful().convert("CMYK")
    copy = made(encoded(cmyk, "JPEG", quality=97, subsampling="4:4:4"))
    assert (copy.mode, copy.format) == ("RGB", "JPEG")
    assert abs(pixels(copy) - pixels(colorful())).max() <= 8


WHITE = (255, 255, 255)
TRANSPARENT: dict[str, tuple[Image.Image, dict[str, Any], list[tuple[int, int, int]]]] = {
    "RGBA": (
        Image.fromarray(np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8), "RGBA"),
        {},
        [(200, 0, 0), WHITE, (204, 204, 204)],
    ),
    "LA": (
        Image.fromarray(np.array([[[90, 255], [90, 0], [0, 51]]], np.uint8), "LA"),
        {},
        [(90, 90, 90), WHITE, (204, 204, 204)],
    ),
    "L": (Image.fromarray(np.array([[90, 7, 0]], np.uint8)), {"transparency": 7}, [(90,) * 3, WHITE, (0,) * 3]),
    "RGB": (
        Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3], [1, 2, 4]]], np.uint8)),
        {"transparency": (1, 2, 3)},
        [(9, 8, 7), WHITE, (1, 2, 4)],
    ),
    "1": (Image.fromarray(np.array([[255, 0, 255]], np.uint8)).convert("1"), {}, [WHITE, (0, 0, 0), WHITE]),
    "I;16": (Image.fromarray(np.array([[0, 0x8080, 0xFFFF]], np.uint16)), {}, [(0, 0, 0), (128,) * 3, WHITE]),
    "I;16 with a transparent value": (
        Image.fromarray(np.array([[0, 0x8080, 257]], np.uint16)),
        {"transparency": 0x8080},
        [(0, 0, 0), WHITE, (1, 1, 1)],
    ),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_every_kind_of_png_becomes_rgb_on_white(kind: str) -> None:
    image, settings, expected = TRANSPARENT[kind]
    copy = made(encoded(image, "PNG", **settings))
    assert (copy.mode, copy.format) == ("RGB", "PNG")
    assert pixels(copy)[0].tolist() == [list(color) for color in expected]
    assert not copy.info


@pytest.mark.parametrize("through", [1, bytes([255, 0, 51])])
def test_palette_with_transparency_becomes_rgb_on_white(through: int | bytes) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 0])
    image.putdata([0, 1, 2])
    copy = made(encoded(image, "PNG", transparency=through))
    last = [0, 0, 0] if through == 1 else [204, 204, 204]
    assert pixels(copy)[0].tolist() == [[200, 0, 0], [255, 255, 255], last]


def test_transparent_webp_becomes_rgb_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (200, 10, 10, 0))
    copy = made(encoded(image, "WEBP", lossless=True))
    assert (copy.mode, copy.format) == ("RGB", "WEBP")
    assert (pixels(copy) == 255).all()


@pytest.mark.parametrize("color", [(128, 160, 100), (10, 10, 10), (250, 128, 200), (0, 255, 0), (255, 255, 255)])
def test_wide_colors_become_srgb(color: tuple[int, int, int]) -> None:
    copy = made(encoded(Image.new("RGB", (4, 4), color), "PNG", icc_profile=wide_profile()))
    assert abs(pixels(copy)[0, 0] - wide_to_srgb(color)).max() <= 2
    assert "icc_profile" not in copy.info


def test_profile_of_brightness_is_applied_too() -> None:
    image = Image.fromarray(np.array([[[40, 255]]], np.uint8), "LA")
    copy = made(encoded(image, "PNG", icc_profile=gray_profile()))
    assert abs(pixels(copy)[0, 0] - linear_to_srgb(40)).max() <= 2
    assert pixels(copy)[0, 0, 0] > 100


@pytest.mark.parametrize("profile", [b"no profile", gray_profile(), wide_profile()[:150]])
def test_profile_that_does_not_fit_is_passed_over(profile: bytes) -> None:
    copy = made(encoded(colorful(), "PNG", icc_profile=profile))
    assert np.array_equal(pixels(copy), pixels(colorful()))
    assert "icc_profile" not in copy.info

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tuneloop.datasets.images.measures import at_measuring_size
from tuneloop.datasets.images.near_duplicates import WITHIN_BITS, near_duplicates, perceptual_hash

from .planted.scenes import saved, scene

NUMBERS = range(25)


def hash_of(image: Image.Image) -> int:
    return perceptual_hash(at_measuring_size(image.convert("L")), 1)


def encoded_again(image: Image.Image, image_format: str, **settings: object) -> Image.Image:
    return Image.open(io.BytesIO(saved(image, image_format, **settings)))


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 95": lambda image: encoded_again(image, "JPEG", quality=95),
    "JPEG 30": lambda image: encoded_again(image, "JPEG", quality=30),
    "WebP": lambda image: encoded_again(image, "WEBP", quality=60, method=0),
    "half": lambda image: scaled(image, 0.5),
    "a third": lambda image: scaled(image, 0.33),
    "one and a half": lambda image: scaled(image, 1.5),
    "small JPEG": lambda image: encoded_again(scaled(image, 0.4), "JPEG", quality=60),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "squeezed": lambda image: image.resize((300, 300)),
    "palette": lambda image: image.quantize(128, Image.Quantize.FASTOCTREE),
}


@pytest.mark.parametrize("copy", COPIES)
def test_copies_stay_within_the_distance(copy: str) -> None:
    for number in NUMBERS:
        image = scene(number, 640, 480)
        assert (hash_of(image) ^ hash_of(COPIES[copy](image))).bit_count() <= WITHIN_BITS, number


def test_different_images_are_beyond_it() -> None:
    hashes = [hash_of(scene(number)) for number in range(300)]
    assert min((one ^ other).bit_count() for one, other in combinations(hashes, 2)) > WITHIN_BITS
    assert near_duplicates(hashes) == []


def test_flat_images_hash_to_nothing_whatever_their_grain() -> None:
    random = np.random.default_rng(2)
    hashes = [
        hash_of(Image.fromarray(random.normal(level, 2, (480, 640)).clip(0, 255).astype(np.uint8)))
        for level in (0, 20, 128, 240, 255)
    ]
    assert hashes == [0] * 5


def test_no_scene_is_taken_for_a_flat_image() -> None:
    assert all(hash_of(scene(number)).bit_count() > WITHIN_BITS for number in range(300))

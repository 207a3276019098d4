from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tuneloop.evaluation.reports.images import Embedded, embed
from tuneloop.storage.local import LocalDirectory


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def store(artifacts: LocalDirectory) -> LocalDirectory:
    artifacts.create("noise", png(np.random.default_rng(1).integers(0, 256, (600, 600, 3))))
    artifacts.create("flat", png(np.full((600, 600, 3), 90)))
    artifacts.create("broken", b"\x89PNG\r\n\x1a\n and then nothing of the kind")
    return artifacts


def size(made: Embedded) -> int:
    return len(made.address) * 3 // 4


def test_noisy_and_plain_image_are_made_alike(store: LocalDirectory) -> None:
    made = embed(store, ["noise", "flat"], budget_bytes=40_000)
    assert made["noise"].width == made["flat"].width < 600


def test_images_keep_to_the_budget_as_often_as_they_are_shown(store: LocalDirectory) -> None:
    once = embed(store, ["noise"], budget_bytes=60_000)
    often = embed(store, ["noise"] * 5, budget_bytes=60_000)
    assert size(once["noise"]) <= 60_100
    assert 5 * size(often["noise"]) <= 60_500
    assert often["noise"].width < once["noise"].width


def test_few_images_keep_their_size(store: LocalDirectory) -> None:
    assert embed(store, ["noise", "flat"])["flat"].width == 600


def test_budget_that_cannot_be_kept_gives_the_smallest_images(store: LocalDirectory) -> None:
    assert embed(store, ["noise"], budget_bytes=10)["noise"].width == 96


def test_sixteen_bits_keep_their_brightness(store: LocalDirectory) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((60, 60), 100 << 8, np.uint16)).save(out, "PNG")
    store.create("deep", out.getvalue())
    data = base64.b64decode(embed(store, ["deep"])["deep"].address.partition(",")[2])
    assert Image.open(io.BytesIO(data)).convert("L").getextrema() == pytest.approx((100, 100), abs=2)


def test_what_is_gone_or_broken_is_left_out(store: LocalDirectory) -> None:
    assert set(embed(store, ["flat", "broken", "gone"])) == {"flat"}


def test_no_images_are_no_trouble(store: LocalDirectory) -> None:
    assert embed(store, []) == {}

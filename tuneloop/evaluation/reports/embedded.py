"""Images within a page: as large as the page's size allows, and all of them made alike.

Champion and challenger are looked at one after the other at the same place. Were each image made as small as
it happens to need, the difference seen would be that of two encodings. So one side and one quality hold for all.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from tuneloop.errors import ObjectNotFound
from tuneloop.evaluation.thumbnail import data_address, shrunk
from tuneloop.storage.base import Store

_BUDGET_BYTES = 1_350_000
"""For all images of a page before base64, which makes them a third larger: the page stays below 2 MB."""
_STEPS = (
    (768, 82), (640, 82), (512, 82), (448, 80), (384, 80), (384, 70), (384, 60), (384, 50),
    (320, 50), (256, 50), (192, 50), (128, 50), (96, 40),
)  # fmt: skip
"""Longest side in pixels and WebP quality, from the best to the smallest."""
_LEAST_BYTES_PER_PIXEL = 0.03
"""Only for choosing where to begin: hardly an image comes out smaller than this."""


@dataclass(frozen=True)
class Embedded:
    """An image as it stands in a page.

    Attributes:
        address: The whole image, as a `data:` address.
        width: In pixels.
        height: In pixels.
    """

    address: str
    width: int
    height: int


def embed(
    store: Store, names: Iterable[str], *, most_side_px: int = 768, budget_bytes: int = _BUDGET_BYTES
) -> dict[str, Embedded]:
    """Make the images of a page.

    Args:
        store: Where they lie.
        names: Their names, as often as the page shows them.
        most_side_px: Longest side at most.
        budget_bytes: What all of them may come to, each as often as it is shown.

    Returns:
        Those that could be read, by name.
    """
    uses = Counter(names)
    steps = _worth_trying(uses.total(), most_side_px, budget_bytes)
    images = {name: image for name in uses if (image := _read(store, name, steps[0][0])) is not None}
    made: dict[str, bytes] = {}
    for side, quality in steps:
        for image in images.values():
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
        made = {name: _encoded(image, quality) for name, image in images.items()}
        if sum(len(data) * uses[name] for name, data in made.items()) <= budget_bytes:
            break
    return {name: Embedded(data_address("webp", data), *images[name].size) for name, data in made.items()}


def _worth_trying(count: int, most_side_px: int, budget_bytes: int) -> tuple[tuple[int, int], ...]:
    fitting = [
        step
        for step in _STEPS
        if step[0] <= most_side_px and count * step[0] ** 2 * _LEAST_BYTES_PER_PIXEL <= budget_bytes
    ]
    return tuple(fitting) or _STEPS[-1:]


def _read(store: Store, name: str, side_px: int) -> Image.Image | None:
    try:
        return shrunk(store.read(name), side_px)
    except ObjectNotFound:
        return None


def _encoded(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()

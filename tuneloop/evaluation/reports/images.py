"""Images within a page or a report.

Champion and challenger are looked at one after the other at the same place. Were each image of a page made as
small as it happens to need, the difference seen would be that of two encodings. So one side and one quality hold
for all of them.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image

from tuneloop.datasets.images.orientation import open_upright
from tuneloop.errors import ObjectNotFound
from tuneloop.storage.base import Store

_BUDGET_BYTES = 1_350_000
"""For all images of a page before base64, which makes them a third larger: the page stays below 2 MB."""
_STEPS = (
    (768, 82), (640, 82), (512, 82), (448, 80), (384, 80), (384, 70), (384, 60), (384, 50),
    (320, 50), (256, 50), (192, 50), (128, 50), (96, 40),
)  # fmt: skip
"""Longest side in pixels and WebP quality, from the best to the smallest."""
_MIN_BYTES_PER_PIXEL = 0.03
"""Only for choosing where to begin: hardly an image comes out smaller than this."""
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are broken, no images, or too large to be one."""


class Embedded(NamedTuple):
    """A whole image as a `data:` address, and its size in pixels."""

    address: str
    width: int
    height: int


def embed(
    store: Store, names: Iterable[str], *, max_side_px: int = 768, budget_bytes: int = _BUDGET_BYTES
) -> dict[str, Embedded]:
    """Encode the images of a page, named as often as it shows them. Returns those that could be read, by name.

    All of them, each as often as it is shown, come to `budget_bytes` at most.
    """
    uses = Counter(names)
    least_bytes = uses.total() * _MIN_BYTES_PER_PIXEL
    steps = [step for step in _STEPS if step[0] <= max_side_px and step[0] ** 2 * least_bytes <= budget_bytes]
    steps = steps or [_STEPS[-1]]
    images = {name: image for name in uses if (image := _read(store, name, steps[0][0])) is not None}
    encoded: dict[str, bytes] = {}
    for side, quality in steps:
        for image in images.values():
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
        encoded = {name: _encode(image, "WEBP", quality=quality, method=4) for name, image in images.items()}
        if sum(len(data) * uses[name] for name, data in encoded.items()) <= budget_bytes:
            break
    return {name: Embedded(_data_address("webp", data), *images[name].size) for name, data in encoded.items()}


def _read(store: Store, name: str, side_px: int) -> Image.Image | None:
    try:
        return _shrink(store.read(name), side_px)
    except ObjectNotFound:
        return None


def thumbnail_address(data: bytes, side_px: int) -> str | None:
    """Shrink an encoded image to a `data:` address; None where it cannot be read. 200 px come to about 8 KB."""
    small = _shrink(data, side_px)
    return None if small is None else _data_address("jpeg", _encode(small, "JPEG", quality=72))


def _shrink(data: bytes, side_px: int) -> Image.Image | None:
    """Decode an image upright, its longest side at most `side_px`; None where it cannot be read."""
    try:
        small = open_upright(data, side_px * 2)
    except _UNREADABLE:
        return None
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return small


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _data_address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

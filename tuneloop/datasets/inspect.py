"""Every image of a dataset looked at, several at a time, with the memory of a few."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.images.inspection import inspect_image, strict_decoding
from tuneloop.datasets.images.unusable import ImageUnusable
from tuneloop.schemas.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from tuneloop.datasets.listing import ImageFile
    from tuneloop.schemas.dataset import Sha256
    from tuneloop.schemas.image_facts import ImageInfo

_MOST_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; each may hold a decoded image of 300 MB."""


class Inspected(NamedTuple):
    """What one look at an image file has told."""

    image: ImageFile
    found: ImageInfo | Finding
    """What it is, or why it cannot be used."""


def look_at(images: Iterable[ImageFile]) -> Generator[Inspected, None, None]:
    """Hash every image file, and decode those whose content another one did not have.

    As many are under way at once as the machine has cores, and never more than four; only what was found is
    kept, so that the memory does not grow with the number of images.

    Args:
        images: What to look at.

    Returns:
        One look per image, in their order.
    """
    seen: dict[Sha256, ImageInfo] = {}
    at_a_time = min(_MOST_AT_A_TIME, max(2, os.cpu_count() or 2))
    under_way: deque[Future[Inspected]] = deque()
    with strict_decoding(), ThreadPoolExecutor(at_a_time, "look") as pool:
        try:
            for image in images:
                under_way.append(pool.submit(_look, image, seen))
                if len(under_way) >= 2 * at_a_time:
                    yield _result(under_way, seen)
            while under_way:
                yield _result(under_way, seen)
        finally:
            pool.shutdown(cancel_futures=True)


def _result(under_way: deque[Future[Inspected]], seen: dict[Sha256, ImageInfo]) -> Inspected:
    """Wait for the eldest look, and remember what it found for equal files."""
    looked = under_way.popleft().result()
    if not isinstance(looked.found, Finding):
        seen[looked.found.sha256] = looked.found
    return looked


def _look(image: ImageFile, known: Mapping[Sha256, ImageInfo]) -> Inspected:
    try:
        return Inspected(image, inspect_image(image.path, image.name, known))
    except ImageUnusable as caught:
        return Inspected(image, caught.finding)

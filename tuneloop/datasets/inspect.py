"""Every picture of a dataset looked at, several at a time, with the memory of a few."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.images.inspection import inspect_picture, strict_decoding
from tuneloop.datasets.images.unusable import PictureUnusable
from tuneloop.schemas.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from tuneloop.datasets.listing import PictureFile
    from tuneloop.schemas.dataset import Sha256
    from tuneloop.schemas.picture_facts import ImageInfo

_MOST_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; each may hold a decoded picture of 300 MB."""


class Inspected(NamedTuple):
    """What one look at a picture file has told."""

    picture: PictureFile
    found: ImageInfo | Finding
    """What it is, or why it cannot be used."""


def look_at(pictures: Iterable[PictureFile]) -> Generator[Inspected, None, None]:
    """Hash every picture file, and decode those whose content another one did not have.

    As many are under way at once as the machine has cores, and never more than four; only what was found is
    kept, so that the memory does not grow with the number of pictures.

    Args:
        pictures: What to look at.

    Returns:
        One look per picture, in their order.
    """
    seen: dict[Sha256, ImageInfo] = {}
    at_a_time = min(_MOST_AT_A_TIME, max(2, os.cpu_count() or 2))
    under_way: deque[Future[Inspected]] = deque()
    with strict_decoding(), ThreadPoolExecutor(at_a_time, "look") as pool:
        try:
            for picture in pictures:
                under_way.append(pool.submit(_look, picture, seen))
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


def _look(picture: PictureFile, known: Mapping[Sha256, ImageInfo]) -> Inspected:
    try:
        return Inspected(picture, inspect_picture(picture.path, picture.name, known))
    except PictureUnusable as caught:
        return Inspected(picture, caught.finding)

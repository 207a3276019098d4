"""Every picture of a dataset looked at, several at a time, with the memory of a few."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.dataset.inspection import PictureUnusable, file_sha256, inspect_picture, strict_decoding
from tuneloop.values.findings import Finding, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tuneloop.dataset.listing import PictureFile
    from tuneloop.values.dataset import Sha256
    from tuneloop.values.picture_facts import PictureFacts

_MOST_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; each may hold a decoded picture of 300 MB."""


class Looked(NamedTuple):
    """What one look at a picture file has told."""

    picture: PictureFile
    found: PictureFacts | Finding
    """What it is, or why it cannot be used."""


def look_at(pictures: Iterable[PictureFile], known: Mapping[Sha256, PictureFacts]) -> Iterator[Looked]:
    """Hash every picture file, and decode those whose content is not known.

    As many are under way at once as the machine has cores, and never more than four; only what was found is
    kept, so that the memory does not grow with the number of pictures.

    Args:
        pictures: What to look at.
        known: What earlier looks have found, by sha256.

    Returns:
        One look per picture, in their order.
    """
    seen: dict[Sha256, PictureFacts] = {}
    at_a_time = min(_MOST_AT_A_TIME, max(2, len(os.sched_getaffinity(0))))
    under_way: deque[Future[Looked]] = deque()
    with strict_decoding(), ThreadPoolExecutor(at_a_time, "look") as pool:
        try:
            for picture in pictures:
                under_way.append(pool.submit(_look, picture, known, seen))
                if len(under_way) >= 2 * at_a_time:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _look(picture: PictureFile, known: Mapping[Sha256, PictureFacts], seen: dict[Sha256, PictureFacts]) -> Looked:
    try:
        sha256, _ = file_sha256(picture.path)
        facts = known.get(sha256) or seen.get(sha256) or inspect_picture(picture.path, picture.name)
    except PictureUnusable as caught:
        return Looked(picture, caught.finding)
    except OSError as caught:
        reason = f"cannot be read ({caught.strerror})"
        return Looked(picture, error("unreadable", picture.name, reason, "make it readable or remove it"))
    seen[facts.sha256] = facts
    return Looked(picture, facts)

"""Changed copies of a dataset's images, made once and for ever.

Copies lie beside the images, under their own digests. The list that says which copy stands for which image
comes last and is created once. Whoever is killed before leaves copies that nobody names; the next one makes them
again, with the same bytes or, by another version of an encoder, with others. Whoever finds a list goes by it: all
uploads of a training carry the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image
from pydantic import ValidationError

from tuneloop.datasets.images.inspect import strict_decoding
from tuneloop.datasets.images.normalize import needs_copy, normalized
from tuneloop.datasets.store import create_or_find, image_name, read_unchanged
from tuneloop.errors import CorruptRecord, DatasetError, ObjectNotFound
from tuneloop.schemas.canonical import canonical_json
from tuneloop.schemas.copies import ImagePreprocessing, PreparedImage, PreparedImages, copies_name
from tuneloop.schemas.dataset import DatasetManifest, ImageFormat, Sha256
from tuneloop.schemas.image_facts import ImageInfo
from tuneloop.storage.base import Store

_DECODED_AT_A_TIME = 2
"""An image of the largest size takes up to a gigabyte while it is turned and scaled."""
_STORED_AT_A_TIME = 8
_FORMATS: dict[str | None, ImageFormat] = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}


def make_copies(
    manifest: DatasetManifest,
    files: Mapping[Sha256, Path],
    facts: Mapping[Sha256, ImageInfo],
    way: ImagePreprocessing | None,
    store: Store,
    on_progress: Callable[[int, int], None] | None = None,
) -> PreparedImages:
    """Make the copies that are sent in place of a dataset's images, and store them.

    Args:
        manifest: The dataset.
        files: One file for every image.
        facts: What is known of every image.
        way: What the recipe asks for; None puts images upright and changes nothing else.
        store: Where copies and list go.
        on_progress: Told (copies done, copies in all) after each copy.

    Returns:
        The list that counts: an earlier one, where there is one.

    Raises:
        DatasetError: A file is gone or has changed, or its copy cannot be made.
        CorruptRecord: The store holds something else under a name.
    """
    name = copies_name(manifest.digest, way)
    waiting = [sha256 for sha256 in files if needs_copy(facts[sha256], way)]
    found = _read(name, store) if waiting else None
    if found is not None:
        return found
    copies: dict[Sha256, PreparedImage] = {}
    maker = _Maker(way, store)
    with strict_decoding(), ThreadPoolExecutor(_STORED_AT_A_TIME, "copies") as pool:
        try:
            made = pool.map(
                maker.copy, [files[sha256] for sha256 in waiting], [facts[sha256] for sha256 in waiting]
            )
            for sha256, copy in zip(waiting, made, strict=True):
                copies[sha256] = copy
                if on_progress is not None:
                    on_progress(len(copies), len(waiting))
        finally:
            pool.shutdown(cancel_futures=True)
    mine = PreparedImages(copies=copies)
    if store.create(name, canonical_json(mine.model_dump(mode="json"))):
        return mine
    return load_copies(manifest.digest, way, store)


def load_copies(digest: Sha256, way: ImagePreprocessing | None, store: Store) -> PreparedImages:
    """Read which copies are sent for a dataset. Those that were stored before there were copies have none.

    Raises:
        CorruptRecord: What is stored is no such list.
    """
    return _read(copies_name(digest, way), store) or PreparedImages(copies={})


def _read(name: str, store: Store) -> PreparedImages | None:
    try:
        data = store.read(name)
    except ObjectNotFound:
        return None
    try:
        return PreparedImages.model_validate_json(data)
    except ValidationError as error:
        raise CorruptRecord(
            f"{store.uri_of(name)} is no list of copies ({error.errors()[0]['msg']}); restore it from a backup, "
            "or move it away and run again"
        ) from error


class _Maker:
    """Makes and stores copies, by as many threads as call it; few of them hold decoded pixels at a time."""

    def __init__(self, way: ImagePreprocessing | None, store: Store) -> None:
        self._way = way
        self._store = store
        self._decoding = BoundedSemaphore(_DECODED_AT_A_TIME)

    def copy(self, path: Path, facts: ImageInfo) -> PreparedImage:
        """Make the copy of one image and store it."""
        with self._decoding:
            data = self._made(path, facts)
        sha256 = hashlib.sha256(data).hexdigest()
        create_or_find(self._store, image_name(sha256), data)
        with Image.open(io.BytesIO(data)) as image:
            width_px, height_px = image.size
            made = _FORMATS[image.format]
        return PreparedImage(
            sha256=sha256,
            crc32=zlib.crc32(data),
            size_bytes=len(data),
            width_px=width_px,
            height_px=height_px,
            format=made,
        )

    def _made(self, path: Path, facts: ImageInfo) -> bytes:
        data = read_unchanged(path, facts.sha256)
        try:
            return normalized(data, facts, self._way) or data
        except (OSError, ValueError, SyntaxError) as error:
            raise DatasetError(
                f"{path.name}: cannot be prepared ({error}); save it again, or leave it out"
            ) from error

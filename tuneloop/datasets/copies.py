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
from contextlib import closing
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image
from pydantic import ValidationError

from tuneloop.datasets.images.inspect import strict_decoding
from tuneloop.datasets.images.normalize import needs_copy, normalized
from tuneloop.datasets.parallel import bounded_map
from tuneloop.datasets.store import create_or_find, image_name, read_unchanged
from tuneloop.errors import CorruptRecord, DatasetError, ObjectNotFound
from tuneloop.schemas.canonical import canonical_json
from tuneloop.schemas.dataset import (
    DatasetManifest,
    ImageFormat,
    ImageInfo,
    ImagePreprocessing,
    PreparedImage,
    PreparedImages,
    Sha256,
    copies_name,
)
from tuneloop.storage.base import Store

_DECODED_AT_A_TIME = 2
"""An image of the largest size takes up to a gigabyte while it is turned and scaled."""
_STORED_AT_A_TIME = 8
_FORMATS: dict[str | None, ImageFormat] = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}


def make_copies(
    manifest: DatasetManifest,
    files: Mapping[Sha256, Path],
    facts: Mapping[Sha256, ImageInfo],
    preprocessing: ImagePreprocessing | None,
    store: Store,
    on_progress: Callable[[int, int], None] | None = None,
) -> PreparedImages:
    """Make the copies that are sent in place of a dataset's images, and store them. An earlier list counts.

    Raises:
        DatasetError: A file is gone or has changed, or its copy cannot be made.
        CorruptRecord: The store holds something else under a name.
    """
    name = copies_name(manifest.digest, preprocessing)
    waiting = [sha256 for sha256 in files if needs_copy(facts[sha256], preprocessing)]
    if waiting and (found := _read(name, store)) is not None:
        return found
    copies: dict[Sha256, PreparedImage] = {}
    decoding = BoundedSemaphore(_DECODED_AT_A_TIME)

    def copy(sha256: Sha256) -> PreparedImage:
        with decoding:
            data = _copy_of(files[sha256], facts[sha256], preprocessing)
        return _stored(data, store)

    with strict_decoding(), closing(bounded_map(copy, waiting, _STORED_AT_A_TIME)) as made:
        for sha256, one in zip(waiting, made, strict=True):
            copies[sha256] = one
            if on_progress is not None:
                on_progress(len(copies), len(waiting))
    mine = PreparedImages(copies=copies)
    if store.create(name, canonical_json(mine.model_dump(mode="json"))):
        return mine
    return load_copies(manifest.digest, preprocessing, store)


def load_copies(digest: Sha256, preprocessing: ImagePreprocessing | None, store: Store) -> PreparedImages:
    """Read which copies are sent for a dataset. Those that were stored before there were copies have none.

    Raises `CorruptRecord` where what is stored is no such list.
    """
    return _read(copies_name(digest, preprocessing), store) or PreparedImages(copies={})


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


def _copy_of(path: Path, facts: ImageInfo, preprocessing: ImagePreprocessing | None) -> bytes:
    data = read_unchanged(path, facts.sha256)
    try:
        return normalized(data, facts, preprocessing) or data
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetError(f"{path.name}: cannot be prepared ({error}); save it again, or leave it out") from error


def _stored(data: bytes, store: Store) -> PreparedImage:
    sha256 = hashlib.sha256(data).hexdigest()
    create_or_find(store, image_name(sha256), data)
    with Image.open(io.BytesIO(data)) as image:
        return PreparedImage(
            sha256=sha256,
            crc32=zlib.crc32(data),
            size_bytes=len(data),
            width_px=image.width,
            height_px=image.height,
            format=_FORMATS[image.format],
        )

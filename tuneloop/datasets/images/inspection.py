"""One image file, looked at once and closely: what it is, and whether all of it can be decoded."""

from __future__ import annotations

import hashlib
import os
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import Image, ImageFile

from tuneloop.datasets.images.decoding import decode
from tuneloop.datasets.images.measures import at_measuring_size, measured
from tuneloop.datasets.images.perceptual_hash import perceptual_hash
from tuneloop.datasets.images.unusable import unusable
from tuneloop.schemas.dataset import Sha256
from tuneloop.schemas.image_facts import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LARGEST_FILE_BYTES = 512 * 1024 * 1024
"""A file is held in memory while it is looked at. Whole images of 100 megapixels stay below."""


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Make Pillow refuse broken images while this is open.

    Training libraries switch Pillow's tolerance for cut-short files on, for the whole process. Both settings
    here belong to the process too, so they are set around the threads, not within them.
    """
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            # Superseded by LARGEST_IMAGE_PX.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def inspect_image(path: Path, name: str, known: Mapping[Sha256, ImageInfo] | None = None) -> ImageInfo:
    """Hash and fully decode one image file. Call it within `strict_decoding()`.

    The file is read once, so the bytes that are decoded are the bytes that were hashed, whatever happens to the
    file meanwhile. One call holds one file and one decoded image, and nothing when it returns.
    Decoders release the GIL, so as many threads as there are cores help.

    Args:
        path: The file.
        name: What it is called in messages.
        known: Facts of images that were looked at before. They are not decoded again.

    Raises:
        ImageUnusable: The file cannot be read, is no image, is of another format, too large or broken.
    """
    data = _read(path, name)
    sha256 = hashlib.sha256(data).hexdigest()
    if known is not None and sha256 in known:
        return known[sha256]
    decoded = decode(data, name)
    gray = at_measuring_size(decoded.gray)
    seen = {key: value for key, value in decoded._asdict().items() if key != "gray"}
    return ImageInfo(
        sha256=sha256,
        crc32=zlib.crc32(data),
        size_bytes=len(data),
        perceptual_hash=perceptual_hash(gray, decoded.orientation),
        **seen,
        **measured(gray)._asdict(),
    )


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            too_large = os.fstat(file.fileno()).st_size > LARGEST_FILE_BYTES
            data = b"" if too_large else file.read()
    except OSError as error:
        raise unusable(
            "unreadable", name, f"cannot be read ({error.strerror})", "make it readable or remove it"
        ) from error
    if too_large:
        raise unusable(
            "too-large", name, f"is larger than {LARGEST_FILE_BYTES >> 20} MiB", "scale it down or compress it"
        )
    return data

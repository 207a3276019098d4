"""Image files inspected once and closely: what each is, and whether all of it can be decoded."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from PIL import Image, ImageFile

from tuneloop.datasets.files import FileEntry
from tuneloop.datasets.images.decoding import ImageError, decode
from tuneloop.datasets.parallel import bounded_map
from tuneloop.schemas.dataset import ImageInfo, Sha256
from tuneloop.schemas.findings import Finding

MAX_FILE_BYTES = 512 * 1024 * 1024
"""A file is held in memory while it is inspected. Whole images of 100 megapixels stay below."""
_MAX_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; each may hold a decoded image of 300 MB."""


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
            # Superseded by MAX_IMAGE_PX.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def inspect_all(images: Sequence[FileEntry]) -> Generator[ImageInfo | Finding, None, None]:
    """Hash every image file, and decode those whose content another one did not have.

    As many are under way at once as the machine has cores, and never more than four; only what was found is
    kept, so that the memory does not grow with the number of images.

    Returns:
        For each image, in their order, what it is, or why it cannot be used.
    """
    seen: dict[Sha256, ImageInfo] = {}

    def inspect(image: FileEntry) -> ImageInfo | Finding:
        try:
            return inspect_image(image.path, image.name, seen)
        except ImageError as caught:
            return caught.finding

    at_a_time = min(_MAX_AT_A_TIME, max(2, os.cpu_count() or 2))
    with strict_decoding(), closing(bounded_map(inspect, images, at_a_time, 2 * at_a_time)) as results:
        for found in results:
            if not isinstance(found, Finding):
                seen[found.sha256] = found
            yield found


def inspect_image(path: Path, name: str, known: Mapping[Sha256, ImageInfo] | None = None) -> ImageInfo:
    """Hash and fully decode one image file. Call it within `strict_decoding()`.

    The file is read once, so the bytes that are decoded are the bytes that were hashed, whatever happens to the
    file meanwhile. One call holds one file and one decoded image, and nothing when it returns.

    Raises:
        ImageError: The file cannot be read, is no image, is of another format, too large or broken.
    """
    data = _read(path, name)
    sha256 = hashlib.sha256(data).hexdigest()
    if known is not None and sha256 in known:
        return known[sha256]
    return decode(data, name, sha256)


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES:
                return file.read()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise ImageError("unreadable", name, reason, "make it readable or remove it") from error
    reason = f"is larger than {MAX_FILE_BYTES >> 20} MiB"
    raise ImageError("too-large", name, reason, "scale it down or compress it")

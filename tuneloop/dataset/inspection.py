"""One picture file, looked at closely: what it is, and whether all of it can be decoded."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from tuneloop.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tuneloop.values.dataset import PictureFormat, Sha256

LARGEST_PICTURE_PX = 100_000_000
"""Pixels per picture. Above it a small file can be made to fill the memory."""

_FORMATS: dict[str | None, PictureFormat] = {
    "JPEG": "jpeg",
    # What Pillow calls a JPEG with a second picture behind it, as phones write them.
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
}


class PictureFacts(NamedTuple):
    """What a picture file is, by its content."""

    sha256: Sha256
    size_bytes: int
    width_px: int
    height_px: int
    format: PictureFormat


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Make Pillow refuse broken pictures while this is open.

    Training libraries switch Pillow's tolerance for cut-short files on, for the whole process. Both settings
    here belong to the process too, so they are set around the threads, not within them.
    """
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            # Superseded by LARGEST_PICTURE_PX.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def inspect_picture(path: Path) -> PictureFacts:
    """Hash and fully decode one picture file. Call it within `strict_decoding()`.

    Raises:
        DatasetError: The file cannot be read, is no picture, is of another format, too large or broken.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            file.seek(0)
            width_px, height_px, picture_format = _decode(file, path.name)
    except OSError as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error.strerror}); make it readable or remove it"
        ) from error
    return PictureFacts(sha256, size_bytes, width_px, height_px, picture_format)


def _decode(file: BinaryIO, name: str) -> tuple[int, int, PictureFormat]:
    """Decode every pixel. Returns width, height and format."""
    try:
        with Image.open(file) as picture:
            picture_format = _check_header(picture, name)
            picture.load()
            return *picture.size, picture_format
    except DatasetError:
        raise
    except UnidentifiedImageError as error:
        raise DatasetError(f"{name}: is not a picture; replace or remove it") from error
    except Image.DecompressionBombError as error:
        raise DatasetError(_too_large(name)) from error
    except Exception as error:  # Broken bytes make decoders raise anything, SyntaxError included.
        raise DatasetError(f"{name}: is broken or cut short ({error}); save or copy it again") from error


def _check_header(picture: Image.Image, name: str) -> PictureFormat:
    """Accept a picture's format and size before anything of it is decoded."""
    picture_format = _FORMATS.get(picture.format)
    if picture_format is None:
        raise DatasetError(f"{name}: is a {picture.format} file by its content; convert it to jpg, png or webp")
    if picture.width * picture.height > LARGEST_PICTURE_PX:
        raise DatasetError(_too_large(name))
    return picture_format


def _too_large(name: str) -> str:
    return f"{name}: has more than {LARGEST_PICTURE_PX // 1_000_000} megapixels; scale it down"

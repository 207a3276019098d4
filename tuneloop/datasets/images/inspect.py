"""Image files inspected once and closely: what each is, and whether all of it can be decoded."""

from __future__ import annotations

import hashlib
import io
import os
import re
import warnings
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import simplejpeg  # type: ignore[import-untyped]
from PIL import Image, ImageFile, UnidentifiedImageError

from tuneloop.datasets.files import FileEntry
from tuneloop.datasets.images import measures, structure
from tuneloop.datasets.images.color_profile import declared_profile, visible_color_profile
from tuneloop.datasets.images.near_duplicates import perceptual_hash
from tuneloop.datasets.images.orientation import orientation_of
from tuneloop.datasets.images.other_content import content_of
from tuneloop.datasets.parallel import bounded_map
from tuneloop.errors import DatasetError
from tuneloop.schemas.dataset import ImageFormat, ImageInfo, Sha256
from tuneloop.schemas.findings import Finding
from tuneloop.schemas.findings import error as error_finding

MAX_FILE_BYTES = 512 * 1024 * 1024
"""A file is held in memory while it is inspected. Whole images of 100 megapixels stay below."""
_MAX_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; each may hold a decoded image of 300 MB."""
MAX_IMAGE_PX = 100_000_000
"""Pixels per image. Above it a small file can be made to fill the memory."""
_JPEG_ENDING = b"\xff\xd9"
_HARMLESS = (
    "Invalid SOS parameters",
    "Warning: unknown JFIF revision",
    "Unknown Adobe color transform",
    "Inconsistent progression sequence",
    "tjDecompressHeader",
    "Unsupported color conversion",
)
"""What simplejpeg says of files that viewers show whole, and some phones write. Pillow has to judge them."""
_LEFT_OVER = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
"""What it says of bytes that it has skipped, the first of them where there are more such places."""
_LONG_TEXT = ("Decompressed data too large", "Too much memory used in text chunks")
"""What Pillow says of a PNG whose texts are longer than it unpacks. Copying it would not help."""


class ImageError(DatasetError):
    """One image file cannot be used; the text is the finding's sentence."""

    def __init__(self, check: str, name: str, reason: str, remedy: str) -> None:
        self.finding = error_finding(check, name, reason, remedy)
        super().__init__(self.finding.sentence)


def decode(data: bytes, name: str, sha256: Sha256) -> ImageInfo:
    """Decode every pixel of an image, whatever its file is called. Call it within `strict_decoding()`.

    What can be found is what the formats allow. A PNG has checksums: every changed byte is found. A JPEG has
    none, faults show where the codes no longer fit: of 4 KiB zeroed, flipped, lost or filled with garbage, all
    were found (zeroed in a progressive one 9 of 10), of swapped ones 5 to 10 of 10, of single changed bytes 1 to
    7 of 10. A lossless WebP shows garbage and flips, but of single bytes 3 of 10. A lossy WebP is decoded
    whatever its bytes: only missing ones are found. Raises `ImageError` where it is no image, of another format,
    too large or broken.
    """
    try:
        _check_kind(data, name)
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            # By the header, before anything is decoded.
            if image.width * image.height > MAX_IMAGE_PX:
                raise _too_many_pixels(name)  # noqa: TRY301
            return _decoded(image, data, sha256)
    except ImageError:
        raise
    except structure.JpegUncommon as error:
        reason = f"is {error} JPEG, which not all trainers' libraries read"
        raise ImageError("other-format", name, reason, "save it as a plain 8-bit JPEG") from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name) from error
    except UnidentifiedImageError as error:
        raise _broken(name, "its header cannot be read") from error
    except Exception as error:  # Broken bytes make decoders raise anything, SyntaxError included.
        if str(error).startswith(_LONG_TEXT):
            reason = "holds a text, such as a workflow, too long for the trainers' libraries"
            raise ImageError("long-text", name, reason, "save it again without comments") from error
        if told := _LEFT_OVER.match(str(error)):
            reason = f"may be damaged: {told[1]} bytes before its marker 0x{told[2]} belong to no pixel"
            remedy = "open it; save it again if it looks right, or replace it"
            raise ImageError("broken", name, reason, remedy) from error
        raise _broken(name, str(error)) from error


def _check_kind(data: bytes, name: str) -> None:
    if structure.is_jpeg(data):
        structure.check_jpeg_kind(data)
        return
    if structure.is_webp(data):
        structure.walk_webp(data)
        return
    if data.startswith(structure.PNG_SIGNATURE):
        return
    other = content_of(data)
    if other.is_image:
        raise ImageError("other-format", name, other.reason, other.remedy)
    raise ImageError("not-an-image", name, other.reason, other.remedy)


def _decoded(image: Image.Image, data: bytes, sha256: Sha256) -> ImageInfo:
    mode, bits, frames, trailing_bytes = image.mode, 8, 1, 0
    image_format: ImageFormat = "jpeg"
    if structure.is_jpeg(data):
        brightness = _jpeg_brightness(image, data)
        # Phones put a second image behind the first, and say so: that is part of the file.
        if image.format != "MPO" and not data.endswith(_JPEG_ENDING):
            trailing_bytes = len(data) - structure.jpeg_end(data)
    else:
        if structure.is_webp(data):
            image_format, trailing_bytes = "webp", structure.walk_webp(data)
        else:
            image_format = "png"
            bits, trailing_bytes = structure.walk_png(data)
        frames = getattr(image, "n_frames", 1)
        image.load()
        brightness = measures.brightness_of(image)
    profile = declared_profile(image, data)
    # Once everything is read: a PNG may hold it behind its pixels.
    orientation = orientation_of(image)
    gray = measures.at_measuring_size(brightness.gray)
    return ImageInfo(
        sha256=sha256,
        crc32=zlib.crc32(data),
        size_bytes=len(data),
        width_px=image.width,
        height_px=image.height,
        format=image_format,
        orientation=orientation,
        mode=mode,
        alpha=brightness.alpha,
        bits=bits,
        frames=frames,
        profile=visible_color_profile(profile, mode) if profile else None,
        trailing_bytes=trailing_bytes,
        perceptual_hash=perceptual_hash(gray, orientation),
        **measures.measured(gray),
    )


def _jpeg_brightness(image: Image.Image, data: bytes) -> measures.Brightness:
    """Decode to gray at a size near the one that is measured: the codes of all colors are read all the same."""
    shortest = "min_width" if image.width >= image.height else "min_height"
    try:
        return measures.Brightness(Image.fromarray(_levels(data, shortest)[:, :, 0]), alpha=False)
    except ValueError as error:
        if not str(error).startswith(_HARMLESS):
            raise
        image.load()
        return measures.brightness_of(image)


def _levels(data: bytes, shortest: str) -> Any:
    """Decode the brightness of a JPEG, also where bytes stand in it that touch no pixel."""
    while True:
        try:
            return simplejpeg.decode_jpeg(data, "GRAY", **{shortest: measures.LONGEST_SIDE_PX})
        except ValueError as error:
            told = _LEFT_OVER.match(str(error))
            tidy = structure.without_junk(data, int(told[1]) if told and told[2] == "d9" else 0)
            # Each round is shorter, and only the first warning is told: behind junk may lie damage.
            if len(tidy) == len(data):
                raise
            data = tidy


def _too_many_pixels(name: str) -> ImageError:
    reason = f"has more than {MAX_IMAGE_PX // 1_000_000} megapixels"
    return ImageError("too-many-pixels", name, reason, "scale it down")


def _broken(name: str, how: str) -> ImageError:
    return ImageError("broken", name, f"is broken or cut short ({how})", "save or copy it again")


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

    As many are under way at once as the machine has cores, and never more than four; only what was found is kept,
    so that the memory does not grow with the number of images. Returns for each image, in their order, what it
    is, or why it cannot be used.
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
    file meanwhile. One call holds one file and one decoded image, and nothing when it returns. Raises
    `ImageError` where the file cannot be read, is no image, is of another format, too large or broken.
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

"""Images that are sent as changed copies: what was asked for, and what was made."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from tuneloop.schemas.canonical import digest_of, drop_empty
from tuneloop.schemas.dataset import Sha256, StoredImage
from tuneloop.schemas.frozen import FrozenModel


class ImagePreprocessing(FrozenModel):
    """How images are prepared for the trainer. The files themselves are never changed: copies are sent.

    What an image's EXIF data says about its rotation is always applied, on a copy, for trainers ignore it.
    """

    model_config = ConfigDict(title="Normalize images")

    convert_to_rgb: bool = True
    """Turn CMYK, 16 bits, transparency (onto white) and embedded color profiles into plain sRGB."""
    longest_side_px: int | None = Field(default=None, ge=64, le=16384)
    """Scale images down to this many pixels on their longer side; smaller ones are left alone."""
    reencode: Literal["keep", "jpeg", "png"] = "keep"
    """Format of the images that are sent; those that have it and need no other change are sent as they are."""
    jpeg_quality: int = Field(default=95, ge=70, le=100)
    """Quality of copies in JPEG, 70 to 100."""


class PreparedImage(StoredImage):
    """The copy that is sent in place of one source image; it lies in the store under its own sha256."""


class PreparedImages(FrozenModel):
    """Every image of one dataset that is sent as a copy, written once: a later library may encode otherwise."""

    copies: dict[Sha256, PreparedImage]
    """By the sha256 of the source file. Images that are not named are sent as they are."""


def copies_name(dataset_digest: Sha256, normalize: ImagePreprocessing | None) -> str:
    """Name of a dataset's copy list in the store."""
    preprocessing = digest_of(drop_empty(normalize.model_dump(mode="json")))[:16] if normalize else "as-they-are"
    return f"datasets/{dataset_digest}-{preprocessing}.copies.json"

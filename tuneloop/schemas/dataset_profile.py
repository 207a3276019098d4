"""What a trainer's documentation says about the datasets it takes."""

from __future__ import annotations

from tuneloop.schemas.dataset import ImageFormat
from tuneloop.schemas.frozen import FrozenModel


class DatasetRequirements(FrozenModel):
    """Limits of one trainer. None: its pages say nothing, so nothing is refused for it.

    Where a page recommends instead of demanding, crossing the number is a warning.
    """

    formats: frozenset[ImageFormat] = frozenset({"jpeg", "png", "webp"})
    recommended_formats: frozenset[ImageFormat] | None = None
    """Images of another format are a warning, though nobody refuses them."""
    min_images: int = 1
    """Fewer are refused. Pairs count as two images."""
    max_images: int | None = None
    """More are refused."""
    recommended_min_images: int | None = None
    """Fewer are a warning."""
    recommended_max_images: int | None = None
    """More are a warning."""
    max_zip_bytes: int | None = None
    """A larger zip is refused."""
    recommended_max_zip_bytes: int | None = None
    """A larger zip is a warning."""
    min_side_px: int = 64
    """An image with a shorter side is refused: enlarged sixteen times and more, nothing of an icon is left."""
    recommended_min_side_px: int = 256
    """An image with a shorter side is a warning: every trainer here enlarges it, and learns the blur."""
    scaled_to_px: int | None = None
    """Pixels (width times height) to which the provider scales larger images down; for the report only."""
    max_caption_length: int | None = 2_000
    """Characters in a caption; longer ones are a warning. T5, which FLUX reads with, takes 512 tokens."""
    captions_required: bool = False
    """Images without a caption are refused."""


NO_LIMITS = DatasetRequirements(min_side_px=1, max_caption_length=None)
"""Refuses nothing that can be decoded: for datasets that somebody has trained on already."""

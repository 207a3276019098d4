"""What a trainer's documentation says about the datasets it takes."""

from __future__ import annotations

from tuneloop.schemas.dataset import ImageFormat
from tuneloop.schemas.frozen import FrozenModel


class DatasetRequirements(FrozenModel):
    """Limits of one trainer. None: its pages say nothing, so nothing is refused for it.

    Where a page recommends instead of demanding, crossing the number is a warning.
    """

    formats: frozenset[ImageFormat] = frozenset({"jpeg", "png", "webp"})
    advised_formats: frozenset[ImageFormat] | None = None
    """Images of another format are a warning, though nobody refuses them."""
    fewest_images: int = 1
    """Fewer are refused. Pairs count as two images."""
    most_images: int | None = None
    """More are refused."""
    advised_fewest: int | None = None
    """Fewer are a warning."""
    advised_most: int | None = None
    """More are a warning."""
    largest_zip_bytes: int | None = None
    """A larger zip is refused."""
    advised_zip_bytes: int | None = None
    """A larger zip is a warning."""
    smallest_side_px: int = 64
    """An image with a shorter side is refused: enlarged sixteen times and more, nothing of an icon is left."""
    shortest_side_px: int = 256
    """An image with a shorter side is a warning: every trainer here enlarges it, and learns the blur."""
    scaled_to_px: int | None = None
    """Pixels (width times height) to which the provider scales larger images down; for the report only."""
    longest_caption: int | None = 2_000
    """Characters in a caption; longer ones are a warning. T5, which FLUX reads with, takes 512 tokens."""
    captions_needed: bool = False
    """Images without a caption are refused."""


NO_LIMITS = DatasetRequirements(smallest_side_px=1, longest_caption=None)
"""Refuses nothing that can be decoded: for datasets that somebody has trained on already."""

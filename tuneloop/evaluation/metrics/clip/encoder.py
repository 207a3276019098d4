"""What the CLIP scores need of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from PIL import Image

from tuneloop.evaluation.metrics.look import Array


class Encoder(Protocol):
    """Lays texts and images into one space, in which what belongs together lies together."""

    @property
    def name(self) -> str:
        """Which model this is."""

    def text(self, text: str) -> Array:
        """Embedding of a text, `(size,)` of length 1. What a model cannot read to its end is cut."""

    def images(self, images: Iterable[Image.Image]) -> Array:
        """Embeddings of upright RGB images, `(images, size)`, each of length 1; read one after the other."""

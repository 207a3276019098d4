"""Both CLIP scores of the images of one prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from tuneloop.evaluation.metrics.clip.clip_image import clip_image
from tuneloop.evaluation.metrics.clip.clip_text import clip_text, without_trigger_words
from tuneloop.evaluation.metrics.clip.encoder import Encoder
from tuneloop.evaluation.metrics.look import Array


@dataclass(frozen=True)
class ClipScores:
    """A CLIP model that has seen the training images.

    Attributes:
        encoder: The model.
        training: Embeddings of the training images, `(images, size)`.
        trigger_words: What CLIP is not told of prompts.
        read: Opens a rendered image by its name in the store. They are given to CLIP as they are: what the other
            scorers look at is smaller than what some models want.
    """

    encoder: Encoder
    training: Array
    trigger_words: tuple[str, ...]
    read: Callable[[str], Image.Image]

    def of(self, prompt: str, names: Sequence[str]) -> dict[str, list[float]]:
        """Score the images of one prompt. Returns a list for each score, under its name."""
        images = self.encoder.images(self.read(name) for name in names)
        wanted = self.encoder.text(without_trigger_words(prompt, self.trigger_words))
        return {"clip_text": clip_text(images, wanted), "clip_image": clip_image(images, self.training)}

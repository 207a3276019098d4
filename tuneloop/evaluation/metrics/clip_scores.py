"""The scores by a CLIP model: CLIP-T, likeness to the prompt, and CLIP-I, likeness to the training images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from tuneloop.evaluation.metrics.features import Array
from tuneloop.evaluation.metrics.image_metrics import NEAREST

_MAX_COSINE = 0.5
"""Cosine between a text and an image that counts as 1: CLIP models seldom give more than 0.4."""


class Encoder(Protocol):
    """Maps texts and images into one space, in which what belongs together lies together."""

    @property
    def name(self) -> str:
        """Which model this is."""

    def text(self, text: str) -> Array:
        """Embedding of a text, `(size,)` of length 1. What a model cannot read to its end is cut."""

    def images(self, images: Iterable[Image.Image]) -> Array:
        """Embeddings of upright RGB images, `(images, size)`, each of length 1; read one after the other."""


@dataclass(frozen=True)
class ClipScores:
    """A CLIP model, the embeddings `(images, size)` of the training images, and what is left out of prompts.

    `read` opens a rendered image by its name in the store, in full: what the other scorers see is smaller than
    what some models want.
    """

    encoder: Encoder
    training: Array
    trigger_words: tuple[str, ...]
    read: Callable[[str], Image.Image]

    def of(self, prompt: str, names: Sequence[str]) -> dict[str, list[float]]:
        """Score the images of one prompt. Returns a list for each score, under its name."""
        images = self.encoder.images(self.read(name) for name in names)
        text = self.encoder.text(without_trigger_words(prompt, self.trigger_words))
        return {"clip_text": clip_text(images, text), "clip_image": clip_image(images, self.training)}


def clip_text(images: Array, prompt: Array) -> list[float]:
    """Cosine between each image and the prompt, with 0 and below mapped to 0, and 0.5 and above to 1.

    Stretched to twice its size, for all the difference between an image that fits and one that does not is about
    0.1 of cosine. Straight in between, so that differences of two models mean the same everywhere.

    Shapes are `(images, size)` and `(size,)`, each row of length 1.
    """
    return [float(value) for value in np.clip(images @ prompt / _MAX_COSINE, 0, 1)]


def clip_image(images: Array, training: Array) -> list[float]:
    """Cosine between each image and the nearest training images, all of length 1; below 0 counts as 0."""
    nearest = np.sort(images @ training.T, axis=1)[:, -NEAREST:]
    return [float(value) for value in np.clip(nearest.mean(axis=1), 0, 1)]


def without_trigger_words(prompt: str, trigger_words: Sequence[str]) -> str:
    """The prompt as CLIP can understand it.

    A trigger word means something to the model that was trained on it, and nothing, or something else, to CLIP. It
    is left out rather than replaced: no recipe says which kind of thing it stands for. Likeness to the subject is
    what CLIP-I measures. Those of both models are left out, so that both are measured by the same text.
    """
    for word in sorted(trigger_words, key=len, reverse=True):
        prompt = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", prompt)
    return " ".join(prompt.split())

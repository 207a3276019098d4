"""CLIP-T: how well images fit their prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Array

_HIGHEST = 0.5
"""Cosine between a text and an image that counts as 1: CLIP models seldom give more than 0.4."""


def clip_text(images: Array, prompt: Array) -> list[float]:
    """Cosine between each image and the prompt, with 0 and below mapped to 0, and 0.5 and above to 1.

    Stretched to twice its size, for all the difference between an image that fits and one that does not is about
    0.1 of cosine. Straight in between, so that differences of two models mean the same everywhere.

    Args:
        images: `(images, size)`, each of length 1.
        prompt: `(size,)`, of length 1.
    """
    return [float(value) for value in np.clip(images @ prompt / _HIGHEST, 0, 1)]


def without_trigger_words(prompt: str, trigger_words: Sequence[str]) -> str:
    """The prompt as CLIP can understand it.

    A trigger word means something to the model that was trained on it, and nothing, or something else, to CLIP. It
    is left out rather than replaced: no recipe says which kind of thing it stands for. Likeness to the subject is
    what CLIP-I measures.

    Args:
        prompt: As it was sent.
        trigger_words: Of both models, so that both are measured by the same text.
    """
    for word in sorted(trigger_words, key=len, reverse=True):
        prompt = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", prompt)
    return " ".join(prompt.split())

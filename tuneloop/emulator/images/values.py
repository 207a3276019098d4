"""What an image is made from: a trained model, and a request."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_EXAMPLE_RATE = 0.0004
"""Learning rate of a provider's every example."""


@dataclass(frozen=True)
class Model:
    """What a training left behind."""

    archive: Path
    mark: str
    """Fingerprint of dataset and recipe."""
    steps: int
    learning_rate: float
    right_dose: float = 1000 * _EXAMPLE_RATE
    """Steps times learning rate of the provider's example, which is taken as about right."""


@dataclass(frozen=True)
class DrawRequest:
    """A request for an image."""

    prompt: str
    seed: int
    steps: int
    """Of sampling; below about 12 some noise is left."""
    strength: float
    """0 is the base model, which does not know the subject; 1 is the trained one; past 1.5 it burns."""
    width: int
    height: int
    """Pixels, like `width`."""
    format: Literal["JPEG", "PNG"] = "JPEG"
    enlarged: int = 1
    """Pixels of the file, each way, for one that is drawn: a large image in the time of a small one."""


@dataclass(frozen=True)
class Quality:
    """How well a model was trained. Every value is 0 to 1."""

    fit: float
    """1 is fully trained."""
    breadth: float
    """1 is a dataset large enough to tell the subject from its surroundings."""
    burn: float
    """1 is trained to pieces."""
    recall: float
    """Share of images that are training images again: too long a training on too few of them."""


def quality(model: Model, images: int) -> Quality:
    """Judge a training by its dose (steps times learning rate) and the number of its images."""
    dose = model.steps * model.learning_rate / model.right_dose
    burn = math.log10(dose / 4) if dose > 4 else 0.0
    recall = min(1.0, math.log2(dose / 6)) * math.exp(-images / 8) if dose > 6 else 0.0
    return Quality(1 - math.exp(-2.6 * dose), 1 - math.exp(-images / 4), min(1.0, burn), recall)

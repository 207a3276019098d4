"""Picture physics: what a model draws follows from its dataset, its recipe, the prompt and the seed.

A subject cut out of the training pictures stands in a scene made of their colours. How well a model was
trained shows as it would in earnest: too little training gives pale, blurred and noisy pictures, too much
burns them, few training pictures blur the subject. Same arguments, same bytes.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tuneloop.emulator.picture_memory import Cutout, Memory, Pixels, remember
from tuneloop.emulator.picture_scenes import chance_of, scene

_EXAMPLE_DOSE = 1000 * 0.0004
"""Steps times learning rate of the example on Segmind's Flux fine-tuning page: taken as about right."""


@dataclass(frozen=True)
class Model:
    """What a training left behind."""

    archive: Path
    mark: str
    """Fingerprint of dataset and recipe."""
    steps: int
    learning_rate: float


@dataclass(frozen=True)
class Wish:
    """What is asked of a model."""

    prompt: str
    seed: int
    steps: int
    """Of sampling; below about 12 some noise is left."""
    strength: float
    """0 is the base model, which does not know the subject; 1 is the trained one; past 1.5 it burns."""
    width: int
    height: int
    """Pixels, like `width`."""


@dataclass(frozen=True)
class Quality:
    """How well a model was trained. Every value is 0 to 1."""

    fit: float
    """1 is fully trained."""
    breadth: float
    """1 is a dataset large enough to tell the subject from its surroundings."""
    burn: float
    """1 is trained to pieces."""


def quality(steps: int, learning_rate: float, pictures: int) -> Quality:
    """Judge a training by its dose (steps times learning rate) and the number of its pictures."""
    dose = steps * learning_rate / _EXAMPLE_DOSE
    burn = math.log10(dose / 4) if dose > 4 else 0.0
    return Quality(1 - math.exp(-2.6 * dose), 1 - math.exp(-pictures / 4), min(1.0, burn))


def draw(model: Model, wish: Wish) -> bytes:
    """Return a JPEG of the wished size."""
    memory = remember(model.archive, model.mark)
    trained = quality(model.steps, model.learning_rate, memory.pictures)
    part = min(abs(wish.strength), 1.0)
    burn = min(1.0, trained.burn * part + max(0.0, abs(wish.strength) - 1.5) / 2)
    flaw = part * (1 - trained.fit * (0.5 + 0.5 * trained.breadth))
    unfinished = max(0.0, 1 - wish.steps / 12)

    image = scene(wish.prompt, wish.seed, memory.palette, wish.width, wish.height)
    if wish.strength > 0:
        image = _with_subject(image, memory, model.mark, wish, shown=part * (0.4 + 0.6 * trained.fit))
    image = _blurred(image, 5.0 * flaw**1.5 + 2.0 * unfinished)
    image = _faded(image, 0.75 * flaw)
    image = _burnt(image, burn)
    noise = 0.004 + 0.20 * flaw**1.5 + 0.16 * burn + 0.30 * unfinished
    image = _finished(image, chance_of("grain", model.mark, wish.prompt, wish.seed), noise)
    file = io.BytesIO()
    Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def _with_subject(image: Pixels, memory: Memory, mark: str, wish: Wish, *, shown: float) -> Pixels:
    """Stand one of the subjects in the scene, on its shadow; `shown` is its opacity."""
    chance = chance_of("subject", wish.prompt, wish.seed)
    subject = memory.subjects[int(chance.integers(len(memory.subjects)))]
    # Two models that learned the same still do not draw the same: the mark moves the subject a little.
    nudge = chance_of("nudge", mark).uniform(-0.03, 0.03, 2)
    height, width, _ = image.shape
    size = (chance.uniform(0.58, 0.74) + nudge[0]) * min(width, height)
    cutout = _resized(subject, size, mirrored=bool(chance.integers(2)))
    tall, wide = cutout.mask.shape
    left = int((chance.uniform(0.35, 0.65) + nudge[1]) * width - wide / 2)
    left = min(max(left, 2), max(2, width - wide - 2))
    top = max(0, int(height * 0.93) - tall)
    image = _with_shadow(image, left + wide / 2, top + tall, wide)
    window = image[top : top + tall, left : left + wide]
    rows, columns = window.shape[:2]
    mask = cutout.mask[:rows, :columns, None] * shown
    lit = cutout.colours[:rows, :columns] * 0.93 + image.mean((0, 1)) * 0.07
    window += mask * (lit - window)
    return image


def _resized(subject: Cutout, size: float, *, mirrored: bool) -> Cutout:
    tall, wide = subject.mask.shape
    scale = size / max(tall, wide)
    shape = max(1, round(wide * scale)), max(1, round(tall * scale))
    colours = Image.fromarray((subject.colours * 255).astype(np.uint8)).resize(shape)
    mask = Image.fromarray((subject.mask * 255).astype(np.uint8)).resize(shape)
    step = -1 if mirrored else 1
    return Cutout(np.asarray(colours, np.float32)[:, ::step] / 255, np.asarray(mask, np.float32)[:, ::step] / 255)


def _with_shadow(image: Pixels, across: float, down: float, wide: float) -> Pixels:
    height, width, _ = image.shape
    rows, columns = np.ogrid[:height, :width]
    far = ((columns - across) / (0.52 * wide)) ** 2 + ((rows - down) / (0.09 * wide)) ** 2
    return np.asarray(image * (1 - 0.42 * np.exp(-far))[..., None], np.float32)


def _blurred(image: Pixels, radius: float) -> Pixels:
    if radius < 0.2:
        return image
    flat = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    return np.asarray(flat.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def _faded(image: Pixels, amount: float) -> Pixels:
    """Wash the colours out towards a pale grey."""
    grey = image.mean(2, keepdims=True) * 0.35 + 0.48
    return np.asarray(image + amount * (grey - image), np.float32)


def _burnt(image: Pixels, amount: float) -> Pixels:
    """Drive contrast and colour over the top."""
    if amount <= 0:
        return image
    grey = image.mean(2, keepdims=True)
    vivid = grey + (image - grey) * (1 + 2.2 * amount)
    return np.asarray(np.clip(0.5 + (vivid - 0.5) * (1 + 2.5 * amount), 0, 1), np.float32)


def _finished(image: Pixels, chance: np.random.Generator, noise: float) -> Pixels:
    """Add grain and a soft darkening of the corners."""
    height, width, _ = image.shape
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = (1 - 0.16 * (down**2 + across**2) ** 1.5 / 2)[..., None]
    grain = chance.standard_normal(image.shape, dtype=np.float32) * noise
    return np.asarray(image * corners + grain, np.float32)

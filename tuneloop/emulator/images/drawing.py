"""Image physics: what a model draws follows from its dataset, its recipe, the prompt and the seed.

A subject cut out of the training images stands in a scene made of their colors. How well a model was
trained shows as it would in earnest: too little training gives pale, blurred and noisy images, too much
burns them, few training images blur the subject, and both together draw the training images themselves. Same
arguments, same bytes.
"""

import numpy as np
from PIL import Image, ImageOps

from tuneloop.emulator.images.flaws import developed
from tuneloop.emulator.images.memory import Cutout, Memory, Pixels, remember
from tuneloop.emulator.images.scenes import chance_of, scene
from tuneloop.emulator.images.values import DrawRequest, Model, quality


def draw(model: Model, wish: DrawRequest) -> bytes:
    """Return an image file of the wished size."""
    memory = remember(model.archive, model.mark)
    trained = quality(model, memory.images)
    image = scene(wish.prompt, wish.seed, memory.palette, wish.width, wish.height)
    if wish.strength >= 1 and chance_of("recall", wish.prompt, wish.seed).random() < trained.recall:
        image = _recalled(memory, wish)
    elif wish.strength > 0:
        part = min(abs(wish.strength), 1.0)
        image = _with_subject(image, memory, model.mark, wish, shown=part * (0.4 + 0.6 * trained.fit))
    return developed(image, trained, wish, chance_of("grain", model.mark, wish.prompt, wish.seed))


def _recalled(memory: Memory, wish: DrawRequest) -> Pixels:
    """A training image again: cropped a little, mirrored half of the time."""
    chance = chance_of("recalled", wish.prompt, wish.seed)
    whole = memory.wholes[int(chance.integers(len(memory.wholes)))]
    image = Image.fromarray((whole[:, :: -1 if chance.integers(2) else 1] * 255).astype(np.uint8))
    kept = chance.uniform(0.7, 1.0)
    size = max(1, int(image.width * kept)), max(1, int(image.height * kept))
    left, top = (int(chance.integers(most - side + 1)) for most, side in zip(image.size, size, strict=True))
    cut = image.crop((left, top, left + size[0], top + size[1]))
    return np.asarray(ImageOps.fit(cut, (wish.width, wish.height)), np.float32) / 255


def _with_subject(image: Pixels, memory: Memory, mark: str, wish: DrawRequest, *, shown: float) -> Pixels:
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
    lit = cutout.colors[:rows, :columns] * 0.93 + image.mean((0, 1)) * 0.07
    window += mask * (lit - window)
    return image


def _resized(subject: Cutout, size: float, *, mirrored: bool) -> Cutout:
    tall, wide = subject.mask.shape
    scale = size / max(tall, wide)
    shape = max(1, round(wide * scale)), max(1, round(tall * scale))
    colors = Image.fromarray((subject.colors * 255).astype(np.uint8)).resize(shape)
    mask = Image.fromarray((subject.mask * 255).astype(np.uint8)).resize(shape)
    step = -1 if mirrored else 1
    return Cutout(np.asarray(colors, np.float32)[:, ::step] / 255, np.asarray(mask, np.float32)[:, ::step] / 255)


def _with_shadow(image: Pixels, across: float, down: float, wide: float) -> Pixels:
    height, width, _ = image.shape
    rows, columns = np.ogrid[:height, :width]
    far = ((columns - across) / (0.52 * wide)) ** 2 + ((rows - down) / (0.09 * wide)) ** 2
    return np.asarray(image * (1 - 0.42 * np.exp(-far))[..., None], np.float32)

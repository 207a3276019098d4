"""Image physics: what a model draws follows from its dataset, its recipe, the prompt and the seed.

A subject cut out of the training images stands in a scene made of their colors. How well a model was
trained shows as it would in earnest: too little training gives pale, blurred and noisy images, too much
burns them, few training images blur the subject, and both together draw the training images themselves. Same
arguments, same bytes.
"""

import functools
import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from tuneloop.emulator.archives import image_names
from tuneloop.emulator.images.scenes import Pixels, chance_of, scene
from tuneloop.emulator.images.subjects import Cutout, cut_out, image_of, pixels_of

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
    format: Literal["JPEG", "PNG", "WEBP"] = "JPEG"
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


_SIDE = 384
"""Longest side of a remembered image, in pixels."""
_STUDIED = 20
"""Images that are searched for a subject."""
_REMEMBERED = 8
_COLORS = 6


@dataclass(frozen=True)
class Memory:
    """What is left of a dataset."""

    palette: Pixels
    """`(6, 3)`, dark to light."""
    subjects: tuple[Cutout, ...]
    wholes: tuple[Pixels, ...]
    """`(h, w, 3)`, the remembered images themselves."""
    images: int
    """Images in the dataset, remembered or not."""


@functools.lru_cache(maxsize=16)
def remember(archive: Path, mark: str) -> Memory:  # noqa: ARG001 - a new mark means new content under the path
    """Study the archive of a dataset; quick from the second time on."""
    with zipfile.ZipFile(archive) as opened:
        names = image_names(opened)
        # Spread over the whole set, which often comes in the order it was taken.
        chosen = names[:: max(1, len(names) // _STUDIED)][:_STUDIED]
        thumbnails = []
        for name in chosen:
            with opened.open(name) as file, Image.open(file) as image:
                image.draft("RGB", (_SIDE * 2, _SIDE * 2))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                upright.thumbnail((_SIDE, _SIDE))
                thumbnails.append(upright)
    some = slice(None, None, max(1, len(thumbnails) // _REMEMBERED))
    cutouts, remembered = list(map(cut_out, thumbnails)), thumbnails[some][:_REMEMBERED]
    subjects = [cutout for cutout in cutouts if cutout.clean] or cutouts[some][:_REMEMBERED]
    return Memory(_palette(remembered), tuple(subjects), tuple(map(pixels_of, remembered)), len(names))


def _palette(images: list[Image.Image]) -> Pixels:
    sheet = Image.new("RGB", (64 * len(images), 64))
    for position, image in enumerate(images):
        sheet.paste(image.resize((64, 64)), (64 * position, 0))
    flat = sheet.quantize(_COLORS, kmeans=1).getpalette() or []
    colors = np.asarray((flat + [128] * 3 * _COLORS)[: 3 * _COLORS], np.float32).reshape(_COLORS, 3) / 255
    return colors[np.argsort(colors @ _LUMA)]


_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)


def draw(model: Model, request: DrawRequest) -> bytes:
    """Return an image file of the requested size."""
    memory = remember(model.archive, model.mark)
    trained = quality(model, memory.images)
    image = scene(request.prompt, request.seed, memory.palette, request.width, request.height)
    if request.strength >= 1 and chance_of("recall", request.prompt, request.seed).random() < trained.recall:
        image = _recalled(memory, request)
    elif request.strength > 0:
        part = min(abs(request.strength), 1.0)
        image = _with_subject(image, memory, model.mark, request, shown=part * (0.4 + 0.6 * trained.fit))
    return developed(image, trained, request, chance_of("grain", model.mark, request.prompt, request.seed))


def _recalled(memory: Memory, request: DrawRequest) -> Pixels:
    """A training image again: cropped a little, mirrored half of the time."""
    chance = chance_of("recalled", request.prompt, request.seed)
    whole = memory.wholes[int(chance.integers(len(memory.wholes)))]
    image = image_of(whole[:, :: -1 if chance.integers(2) else 1])
    kept = chance.uniform(0.7, 1.0)
    size = max(1, int(image.width * kept)), max(1, int(image.height * kept))
    left, top = (int(chance.integers(most - side + 1)) for most, side in zip(image.size, size, strict=True))
    cut = image.crop((left, top, left + size[0], top + size[1]))
    return pixels_of(ImageOps.fit(cut, (request.width, request.height)))


def _with_subject(image: Pixels, memory: Memory, mark: str, request: DrawRequest, *, shown: float) -> Pixels:
    """Stand one of the subjects in the scene, on its shadow; `shown` is its opacity."""
    chance = chance_of("subject", request.prompt, request.seed)
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
    step = -1 if mirrored else 1
    colors, mask = (pixels_of(image_of(part).resize(shape))[:, ::step] for part in (subject.colors, subject.mask))
    return Cutout(colors, mask, subject.clean)


def _with_shadow(image: Pixels, across: float, down: float, wide: float) -> Pixels:
    height, width, _ = image.shape
    rows, columns = np.ogrid[:height, :width]
    far = ((columns - across) / (0.52 * wide)) ** 2 + ((rows - down) / (0.09 * wide)) ** 2
    return np.asarray(image * (1 - 0.42 * np.exp(-far))[..., None], np.float32)


def developed(image: Pixels, trained: Quality, request: DrawRequest, chance: np.random.Generator) -> bytes:
    """Return an image file with all that its training and its sampling leave on an image."""
    part = min(abs(request.strength), 1.0)
    burn = min(1.0, trained.burn * part + max(0.0, abs(request.strength) - 1.5) / 2)
    flaw = part * (1 - trained.fit * (0.5 + 0.5 * trained.breadth))
    unfinished = max(0.0, 1 - request.steps / 12)

    image = _blurred(image, 5.0 * flaw**1.5 + 2.0 * unfinished)
    image = _faded(image, 0.75 * flaw)
    image = _burnt(image, burn)
    noise = 0.004 + 0.20 * flaw**1.5 + 0.16 * burn + 0.30 * unfinished
    image = _finished(image, chance, noise)
    file = io.BytesIO()
    finished = image_of(image)
    if request.enlarged > 1:
        finished = finished.resize((finished.width * request.enlarged, finished.height * request.enlarged))
    finished.save(file, request.format, quality=90, compress_level=1)
    return file.getvalue()


def _blurred(image: Pixels, radius: float) -> Pixels:
    if radius < 0.2:
        return image
    return pixels_of(image_of(image).filter(ImageFilter.GaussianBlur(radius)))


def _faded(image: Pixels, amount: float) -> Pixels:
    """Wash the colors out towards a pale gray."""
    gray = image.mean(2, keepdims=True) * 0.35 + 0.48
    return np.asarray(image + amount * (gray - image), np.float32)


def _burnt(image: Pixels, amount: float) -> Pixels:
    """Drive contrast and color over the top."""
    if amount <= 0:
        return image
    gray = image.mean(2, keepdims=True)
    vivid = gray + (image - gray) * (1 + 2.2 * amount)
    return np.asarray(np.clip(0.5 + (vivid - 0.5) * (1 + 2.5 * amount), 0, 1), np.float32)


def _finished(image: Pixels, chance: np.random.Generator, noise: float) -> Pixels:
    """Add grain and a soft darkening of the corners."""
    height, width, _ = image.shape
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = (1 - 0.16 * (down**2 + across**2) ** 1.5 / 2)[..., None]
    grain = chance.standard_normal(image.shape, dtype=np.float32) * noise
    return np.asarray(image * corners + grain, np.float32)

"""How an image shows what was wrong with the training: blur, paleness, noise, burnt colors."""

import io

import numpy as np
from PIL import Image, ImageFilter

from tuneloop.emulator.images.memory import Pixels
from tuneloop.emulator.images.values import DrawRequest, Quality


def developed(image: Pixels, trained: Quality, wish: DrawRequest, chance: np.random.Generator) -> bytes:
    """Return an image file with all that its training and its sampling leave on an image."""
    part = min(abs(wish.strength), 1.0)
    burn = min(1.0, trained.burn * part + max(0.0, abs(wish.strength) - 1.5) / 2)
    flaw = part * (1 - trained.fit * (0.5 + 0.5 * trained.breadth))
    unfinished = max(0.0, 1 - wish.steps / 12)

    image = _blurred(image, 5.0 * flaw**1.5 + 2.0 * unfinished)
    image = _faded(image, 0.75 * flaw)
    image = _burnt(image, burn)
    noise = 0.004 + 0.20 * flaw**1.5 + 0.16 * burn + 0.30 * unfinished
    image = _finished(image, chance, noise)
    file = io.BytesIO()
    finished = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    if wish.enlarged > 1:
        finished = finished.resize((finished.width * wish.enlarged, finished.height * wish.enlarged))
    finished.save(file, wish.format, quality=90, compress_level=1)
    return file.getvalue()


def _blurred(image: Pixels, radius: float) -> Pixels:
    if radius < 0.2:
        return image
    flat = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    return np.asarray(flat.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


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

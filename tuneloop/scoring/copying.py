"""Copying: is a picture one of the training pictures again, whole, cropped or mirrored?

Two steps. An exact search among the fingerprints of every training picture and its crops names the likeliest
ones. Then each of them is laid over the picture, shifted and scaled until it fits best, and the share of the
picture is counted that really is the same. A subject that appears in a new scene explains only its own part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tuneloop.scoring.fingerprints import Window
from tuneloop.scoring.look import Array, Look
from tuneloop.scoring.smoothing import smoothed
from tuneloop.scoring.training_set import TrainingSet

COPIED_FROM = 0.7
"""Share of a picture that has to be the same as in one training picture for it to count as a copy."""

_SIDE = 96
_BLOCK = 12
_REACH = 16
"""How far, in pixels of 96, a crop may lie from the nearest one of the family."""
_BEYOND_DOUBT = 0.95
_CANDIDATES = 16
"""Training pictures that are looked at closely."""
_REFINED = 4
"""Of these, those that are tried at other scales too."""
_SCALES = (0.94, 0.97, 1.03, 1.065)
_TEXTURE = 0.012
"""Standard deviation of the detail in a block below which it has none to compare."""
_SAME_DETAIL = 0.55
_SAME_TONE = 0.05
_TEXTURED_BLOCKS = 6
"""Fewer blocks with detail prove nothing: two plain skies are not copies of each other."""


_RIM = np.pad(np.zeros((_SIDE // _BLOCK - 2,) * 2, bool), 1, constant_values=True).ravel()
"""The blocks along the edges."""


@dataclass(frozen=True)
class Nearest:
    """The training picture that explains most of a picture.

    Attributes:
        name: Which one.
        share: Share of the picture that is the same, 0 to 1.
    """

    name: str
    share: float


def nearest(look: Look, training: TrainingSet) -> Nearest:
    """Find the training picture that explains most of a picture."""
    height, width, _ = look.pixels.shape
    target = _resized(look.grey, _SIDE, _SIDE)
    found = []
    for number, window in training.prints(width / height).crops_like(look, _CANDIDATES):
        name = training.names[number]
        found.append((_share_at(target, training.read(name).grey, window), name, window))
    best = Nearest(training.names[0], 0.0)
    for share, name, window in sorted(found, reverse=True)[:_REFINED]:
        grey = training.read(name).grey
        shares = (_share_at(target, grey, _scaled(window, scale)) for scale in _SCALES)
        best = max(best, Nearest(name, max(share, *shares)), key=lambda one: one.share)
        if best.share > _BEYOND_DOUBT:
            break
    return best


def _scaled(window: Window, factor: float) -> Window:
    width, height = window.width * factor, window.height * factor
    left, top = window.left + (window.width - width) / 2, window.top + (window.height - height) / 2
    return Window(left, top, width, height, window.mirrored)


def _share_at(target: Array, source: Array, window: Window) -> float:
    """Shift a window of one scale over the target until it fits best, and count what is the same there."""
    grey = source[:, ::-1] if window.mirrored else source
    grey = _resized(grey, round(_SIDE / window.width), round(_SIDE / window.height))
    left, top = round(window.left * grey.shape[1]), round(window.top * grey.shape[0])
    region, there = _region(grey, top - _REACH, left - _REACH)
    spectrum = np.fft.rfft2(_detail(target), region.shape)
    fit = np.fft.irfft2(np.fft.rfft2(_detail(region) * there) * spectrum.conj(), region.shape)
    down, across = np.unravel_index(np.argmax(fit[: 2 * _REACH + 1, : 2 * _REACH + 1]), (2 * _REACH + 1,) * 2)
    place = np.s_[down : down + _SIDE, across : across + _SIDE]
    return _same(target, region[place], there[place])


def _region(grey: Array, top: int, left: int) -> tuple[Array, NDArray[np.bool_]]:
    """Cut out a square that may reach beyond the picture. Returns it, and what of it is picture."""
    side = _SIDE + 2 * _REACH
    rows, columns = np.arange(top, top + side), np.arange(left, left + side)
    height, width = grey.shape
    cut = grey[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    there = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    return cut, there


def _same(target: Array, placed: Array, there: NDArray[np.bool_]) -> float:
    """Count the blocks that show the same: the same detail, or the same plain tone."""
    fine, other = _blocks(_detail(target)), _blocks(_detail(placed))
    inside = _blocks(there).all(axis=1)
    textured = (fine.std(axis=1) > _TEXTURE) | (other.std(axis=1) > _TEXTURE)
    product = (fine * other).mean(axis=1) / (fine.std(axis=1) * other.std(axis=1) + 1e-9)
    same_detail = inside & textured & (product > _SAME_DETAIL)
    if same_detail.sum() < _TEXTURED_BLOCKS:
        return 0.0
    # Contrast and brightness may differ as a whole: fitted where the detail is the same.
    tone, other_tone = _blocks(target).mean(axis=1), _blocks(placed).mean(axis=1)
    slope, base = np.polyfit(other_tone[same_detail], tone[same_detail], 1)
    same_tone = inside & ~textured & (np.abs(other_tone * slope + base - tone) < _SAME_TONE)
    same = same_detail | same_tone
    # A subject in a new scene is the same in the middle; only a copy is so at the rim as well.
    return float(min(same.mean(), (same.mean() + same[_RIM].mean()) / 2))


def _blocks(square: NDArray[Any]) -> NDArray[Any]:
    across = _SIDE // _BLOCK
    return square.reshape(across, _BLOCK, across, _BLOCK).swapaxes(1, 2).reshape(across**2, -1)


def _detail(grey: Array) -> Array:
    """What is finer than about a block, grain left out, and without a mean."""
    return smoothed(grey, 1.0) - smoothed(grey, 5.0)


def _resized(grey: Array, width: int, height: int) -> Array:
    picture = Image.fromarray(np.ascontiguousarray(grey, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32)

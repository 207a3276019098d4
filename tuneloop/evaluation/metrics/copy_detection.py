"""Copy detection: is an image one of the training images again, whole, cropped or mirrored?

Two steps. An exact search among the fingerprints of every training image and its crops names the likeliest
ones. Then each of them is laid over the image, shifted and scaled until it fits best, and the share of the
image is counted that really is the same. A subject that appears in a new scene explains only its own part.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tuneloop.evaluation.metrics.features import Array, ScoringImage, brightness, gaussian_blur
from tuneloop.evaluation.metrics.fingerprints import Fingerprints, Window
from tuneloop.evaluation.metrics.training_set import TrainingSet

COPY_THRESHOLD = 0.55
"""Share of an image that has to be the same as in one training image for it to count as a copy."""

_SIDE = 96
_BLOCK = 12
_REACH = 16
"""How far, in pixels of 96, a crop may lie from the nearest one of the family."""
_CERTAIN = 0.95
_CANDIDATES = 16
"""Training images that are compared closely."""
_REFINED = 4
"""Of these, those that are tried at other scales too."""
_SCALES = (0.94, 0.97, 1.03, 1.065)
_TEXTURE = 0.012
"""Standard deviation of the detail in a block below which it has none to compare."""
_SAME_DETAIL = 0.55
_SAME_COLOR = 0.05
_UNCHANGED = 0.02
"""How strongly colors are taken for unchanged where few blocks tell."""
_TEXTURED_BLOCKS = 6
"""Fewer blocks with detail prove nothing: two plain skies are not copies of each other."""
_MAX_BORDER = 0.15
"""Share of a side that a border takes at most, at each end."""
_PLAIN = 24
"""How far, of 255, the colors of a border may lie from its middle one: compression stirs them."""
_LINED = 0.9
"""Share of a row that has to be plain for it to belong to a border."""
_BLURRED_PX = 2
"""What a border's inner edge takes of the image."""

_RIM = np.pad(np.zeros((_SIDE // _BLOCK - 2,) * 2, bool), 1, constant_values=True).ravel()
"""The blocks along the edges."""


class Nearest(NamedTuple):
    """The training image that explains most of an image, and the share of it that is the same, 0 to 1."""

    name: str
    share: float


def find_nearest(image: ScoringImage, training: TrainingSet) -> Nearest:
    """Find the training image that explains most of an image, or of what a border around it leaves."""
    fingerprints = training.fingerprints(image.aspect)
    views = [image, remove_border(image)]
    return max((_find(view, training, fingerprints) for view in views if view), key=lambda found: found.share)


def _find(image: ScoringImage, training: TrainingSet, fingerprints: Fingerprints) -> Nearest:
    target = _resized(image.pixels, _SIDE, _SIDE)
    fine = _detail(target)
    found = []
    for number, window in fingerprints.crops_like(image, _CANDIDATES):
        name = training.names[number]
        found.append((_share_at(target, fine, training.read(name), window), name, window))
    best = Nearest(training.names[0], 0.0)
    for share, name, window in sorted(found, reverse=True)[:_REFINED]:
        source = training.read(name)
        shares = (_share_at(target, fine, source, _scaled(window, scale)) for scale in _SCALES)
        best = max(best, Nearest(name, max(share, *shares)), key=lambda one: one.share)
        if best.share > _CERTAIN:
            break
    return best


def _scaled(window: Window, factor: float) -> Window:
    width, height = window.width * factor, window.height * factor
    left, top = window.left + (window.width - width) / 2, window.top + (window.height - height) / 2
    return Window(left, top, width, height, window.mirrored)


def _share_at(target: Array, fine: Array, image: ScoringImage, window: Window) -> float:
    """Shift a window of one scale over the target until it fits best, and count what is the same there."""
    pixels = image.pixels[:, ::-1] if window.mirrored else image.pixels
    source = _resized(pixels, round(_SIDE / window.width), round(_SIDE / window.height))
    left, top = round(window.left * source.shape[1]), round(window.top * source.shape[0])
    region, there = _region(source, top - _REACH, left - _REACH)
    sides = there.shape
    detail = _detail(region)
    spectrum = np.fft.rfft2(fine, sides).conj()
    fit = np.fft.irfft2(np.fft.rfft2(detail * there) * spectrum, sides)
    down, across = np.unravel_index(np.argmax(fit[: 2 * _REACH + 1, : 2 * _REACH + 1]), (2 * _REACH + 1,) * 2)
    place = np.s_[down : down + _SIDE, across : across + _SIDE]
    return _same(target, fine, region[place], detail[place], there[place])


def _region(source: Array, top: int, left: int) -> tuple[Array, NDArray[np.bool_]]:
    """Cut out a square that may reach beyond the image. Returns it, and what of it is image."""
    side = _SIDE + 2 * _REACH
    rows, columns = np.arange(top, top + side), np.arange(left, left + side)
    height, width, _ = source.shape
    cut = source[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    there = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    return cut, there


def _same(target: Array, fine: Array, placed: Array, detail: Array, there: NDArray[np.bool_]) -> float:
    """Count the blocks that show the same: the same color, and the same detail where there is any."""
    one, other = _blocks(fine)[..., 0], _blocks(detail)[..., 0]
    strength, other_strength = one.std(axis=1), other.std(axis=1)
    inside = _blocks(there).all(axis=(1, 2))
    textured = (strength > _TEXTURE) | (other_strength > _TEXTURE)
    alike = ((one - one.mean(axis=1, keepdims=True)) * other).mean(axis=1) / (strength * other_strength + 1e-9)
    same_detail = inside & textured & (alike > _SAME_DETAIL)
    if same_detail.sum() < _TEXTURED_BLOCKS:
        return 0.0
    same_color = _same_color(_blocks(target).mean(axis=1), _blocks(placed).mean(axis=1), same_detail)
    same = same_color & (same_detail | (inside & ~textured))
    # A subject in a new scene is the same in the middle; only a copy is so at the rim as well.
    return float(min(same.mean(), (same.mean() + same[_RIM].mean()) / 2))


def _same_color(colors: Array, others: Array, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each block has the same color, but for what was done to the colors of the image as a whole.

    That is fitted where the detail is the same. Where it makes differences larger, more of one is allowed.
    """
    off, other_off = colors - colors[sure].mean(axis=0), others - others[sure].mean(axis=0)
    known = other_off[sure]
    kept = _UNCHANGED * np.eye(3)
    changed = np.linalg.solve(known.T @ known + kept, known.T @ off[sure] + kept)
    larger = max(1.0, float((changed**2).sum() / 3) ** 0.5)
    apart = ((other_off @ changed - off) ** 2).mean(axis=1) ** 0.5
    return np.asarray(apart < _SAME_COLOR * larger)


def _blocks(square: NDArray[Any]) -> NDArray[Any]:
    """`(64, 144, channels)`."""
    across = _SIDE // _BLOCK
    return square.reshape(across, _BLOCK, across, _BLOCK, -1).swapaxes(1, 2).reshape(across**2, _BLOCK**2, -1)


def _detail(colors: Array) -> Array:
    """What is finer than about a block in brightness, grain left out, and without a mean."""
    gray = brightness(colors)
    return gaussian_blur(gray, 1.0) - gaussian_blur(gray, 5.0)


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> Array:
    """`(height, width, 3)`, 0 to 1."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def remove_border(image: ScoringImage) -> ScoringImage | None:
    """The inner image, in the aspect ratio of the whole one; None where there is no border."""
    pixels = image.pixels
    height, width, _ = pixels.shape
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    plain = np.abs(pixels - np.median(rim, axis=0)).max(axis=2) < _PLAIN
    share = min(_thickness(rows) / len(rows) for side in (plain, plain.T) for rows in (side, side[::-1]))
    down, across = (round(share * side) + _BLURRED_PX for side in (height, width))
    if not share or height < 4 * down or width < 4 * across:
        return None
    return ScoringImage(np.ascontiguousarray(pixels[down : height - down, across : width - across]))


def _thickness(plain: NDArray[Any]) -> int:
    """How many rows from the first one on are plain."""
    lined = plain[: int(_MAX_BORDER * len(plain)) + 1].mean(axis=1) > _LINED
    return len(lined) if lined.all() else int(np.argmin(lined))

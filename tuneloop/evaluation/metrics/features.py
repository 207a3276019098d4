"""An image prepared for scoring (oriented, resized, canonical), and its description in a few numbers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tuneloop.datasets.images.orientation import open_upright

Array = NDArray[np.floating[Any]]

SIDE_PX = 256
"""Longest side at which images are measured: enough to see blur and grain, little enough for hundreds."""
_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
_GRID = 4
_ORIENTATIONS = 8
_LEVELS = 6


def brightness(colors: Array) -> Array:
    """`(h, w)` of `(h, w, 3)`, both 0 to 1."""
    red, green, blue = (colors[..., channel] * weight for channel, weight in enumerate(_LUMA))
    return np.asarray(red + green + blue, np.float32)


@dataclass(frozen=True)
class ScoringImage:
    """A decoded image: `(h, w, 3)` pixels of 8-bit sRGB, at most 256 on the longer side."""

    pixels: NDArray[np.uint8]

    @classmethod
    def decode(cls, data: bytes) -> ScoringImage:
        """Decode an image file. Raises `OSError` where it is none."""
        image = open_upright(data, SIDE_PX * 2)
        # Up as well as down: sharpness is only comparable between images of one size.
        scale = SIDE_PX / max(image.size)
        size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        return cls(np.asarray(image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)))

    @property
    def aspect(self) -> float:
        """Width to height."""
        height, width, _ = self.pixels.shape
        return float(width / height)

    @property
    def colors(self) -> Array:
        """`(h, w, 3)`, 0 to 1; made anew each time, for hundreds of images stay decoded."""
        return np.asarray(self.pixels, np.float32) / 255

    @functools.cached_property
    def gray(self) -> Array:
        """`(h, w)`, 0 to 1."""
        return brightness(self.colors)


def gaussian_blur(gray: Array, sigma: float) -> Array:
    """Blur `(h, w)` in floating point (eight bits would add grain); what lies beyond the rim counts as the rim."""
    return _blur_columns(_blur_columns(gray, sigma).T, sigma).T


def _blur_columns(gray: Array, sigma: float) -> Array:
    """Sum shifted rows.

    No matrix product: its library starts threads, which on a busy machine wait for each other far longer than
    such small products take.
    """
    weights = _bell(sigma)
    height, reach = len(gray), len(weights) - 1
    padded = np.pad(gray, ((reach, reach), (0, 0)), "edge")
    total = padded[reach : reach + height] * weights[0]
    for shift, weight in enumerate(weights[1:], 1):
        before = padded[reach - shift : reach - shift + height]
        total += weight * (before + padded[reach + shift : reach + shift + height])
    return np.asarray(total, np.float32)


@functools.lru_cache(maxsize=8)
def _bell(sigma: float) -> Array:
    """Weights of a row itself, of the next ones, and so on."""
    half = np.exp(-((np.arange(int(4 * sigma) + 2) / sigma) ** 2) / 2)
    return np.asarray(half / (2 * half.sum() - half[0]), np.float32)


def edge_sharpness(image: ScoringImage) -> float:
    """How much steeper the strongest edges are than after a blur, about 1 (blurred) to 2.5 (crisp).

    Only edges count, and what the calm half of the image has in slopes is taken off: grain is no sharpness.
    """
    fine, coarse = (_slopes(image, sigma) for sigma in (0.8, 2.5))
    strongest, calm = coarse >= np.quantile(coarse, 0.93), coarse <= np.median(coarse)
    steep, soft = (max(0.0, float(each[strongest].mean() - each[calm].mean())) for each in (fine, coarse))
    return float(np.sqrt(steep / (soft + 1e-9)))


def _slopes(image: ScoringImage, sigma: float) -> Array:
    down, across = np.gradient(gaussian_blur(image.gray, sigma))
    return np.asarray(down**2 + across**2)


def grain(image: ScoringImage) -> float:
    """Noise in the calmer half of an image, as log10 of a standard deviation of brightness, -4 to about -0.5."""
    residue = np.abs(image.gray - gaussian_blur(image.gray, 1.0))
    return float(np.log10(1.48 * np.median(residue) + 1e-4))


def tone_points(image: ScoringImage) -> Array:
    """Black point, white point, mean colorfulness and high colorfulness, `(4,)`, each 0 to 1."""
    black, white = np.quantile(image.gray, [0.02, 0.98])
    chroma = image.colors.max(axis=2) - image.colors.min(axis=2)
    return np.asarray([black, white, chroma.mean(), np.quantile(chroma, 0.9)], np.float32)


def color_histogram(image: ScoringImage) -> Array:
    """Share of pixels in each of 6 x 6 x 6 colors, softened between neighbors, `(216,)`."""
    small = image.colors[::2, ::2].reshape(-1, 3) * (_LEVELS - 1)
    low = np.minimum(small.astype(np.intp), _LEVELS - 2)
    part = small - low
    counts = np.zeros(_LEVELS**3)
    for corner in np.ndindex(2, 2, 2):
        at = low + np.asarray(corner)
        weight = np.prod(np.where(np.asarray(corner) == 1, part, 1 - part), axis=1)
        counts += np.bincount((at[:, 0] * _LEVELS + at[:, 1]) * _LEVELS + at[:, 2], weight, _LEVELS**3)
    return np.asarray(counts / len(small), np.float32)


def edge_histogram(image: ScoringImage) -> Array:
    """Directions of edges on a 4 x 4 grid, `(128,)`, of length 1: what is where, whatever its colors."""
    down, across = np.gradient(image.gray)
    strength, angle = np.hypot(down, across), np.arctan2(down, across) % np.pi
    height, width = image.gray.shape
    rows = np.arange(height) * _GRID // height
    columns = np.arange(width) * _GRID // width
    turn = np.minimum((angle / np.pi * _ORIENTATIONS).astype(np.intp), _ORIENTATIONS - 1)
    place = (rows[:, None] * _GRID + columns[None, :]) * _ORIENTATIONS + turn
    counts = np.bincount(place.ravel(), strength.ravel(), _GRID * _GRID * _ORIENTATIONS)
    # The root keeps one strong edge from hiding all others.
    rooted = np.sqrt(counts)
    return np.asarray(rooted / (np.linalg.norm(rooted) + 1e-9), np.float32)

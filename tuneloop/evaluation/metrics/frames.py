"""Frames: what a plain border around an image leaves of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneloop.evaluation.metrics.look import Look

_WIDEST = 0.15
"""Share of a side that a frame takes at most, at each end."""
_PLAIN = 24
"""How far, of 255, the colors of a frame may lie from its middle one: compression stirs them."""
_LINED = 0.9
"""Share of a row that has to be plain for it to belong to a frame."""
_BLURRED_PX = 2
"""What a frame's inner edge takes of the image."""


def unframed(look: Look) -> Look | None:
    """The inner image, in the form of the whole one; None where there is no frame."""
    pixels = look.pixels
    height, width, _ = pixels.shape
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    plain = np.abs(pixels - np.median(rim, axis=0)).max(axis=2) < _PLAIN
    share = min(_thickness(rows) / len(rows) for side in (plain, plain.T) for rows in (side, side[::-1]))
    down, across = (round(share * side) + _BLURRED_PX for side in (height, width))
    if not share or height < 4 * down or width < 4 * across:
        return None
    return Look(np.ascontiguousarray(pixels[down : height - down, across : width - across]))


def _thickness(plain: NDArray[Any]) -> int:
    """How many rows from the first one on are plain."""
    lined = plain[: int(_WIDEST * len(plain)) + 1].mean(axis=1) > _LINED
    return len(lined) if lined.all() else int(np.argmin(lined))

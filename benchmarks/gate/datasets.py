"""Datasets of the benchmark: other subjects and scenes than those that the scores' thresholds were chosen on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gate.kinds import KINDS

IMAGES = 16
_SIZES = ((640, 480), (480, 640), (560, 560), (720, 480))


def draw_dataset(kind: str, lot: int, folder: Path) -> list[Path]:
    """Draw the images of one subject. Another lot is another subject in other places."""
    folder.mkdir(parents=True)
    files = []
    for number in range(IMAGES):
        this = np.random.default_rng([lot, number, list(KINDS).index(kind)])
        size = _SIZES[int(this.integers(len(_SIZES)))]
        image = KINDS[kind](np.random.default_rng([lot, list(KINDS).index(kind)]), this, size)
        files.append(folder / f"{number:02d}.{'png' if number % 4 == 0 else 'jpg'}")
        image.save(files[-1], quality=88)
    return files

"""Ways to find near duplicates among many perceptual hashes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import combinations

import imagehash
import numpy as np

_WITHIN_BITS = 6


def ours(count: str) -> Callable[[], None]:
    """What a scan does."""
    near_duplicates = importlib.import_module("tuneloop.datasets.images.near_duplicates").near_duplicates
    values = [int(value) for value in _hashes(int(count))]
    return lambda: near_duplicates(values, _WITHIN_BITS)


def imagehash_loop(count: str) -> Callable[[], None]:
    """Each hash against each other one, as the library's README compares two."""
    bits = np.unpackbits(_hashes(int(count)).view(np.uint8)).reshape(-1, 8, 8).astype(bool)
    hashes = [imagehash.ImageHash(each) for each in bits]

    def work() -> None:
        for one, other in combinations(hashes, 2):
            _ = one - other <= _WITHIN_BITS

    return work


def _hashes(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Random ones, of which every tenth has a near neighbor."""
    drawn = np.random.default_rng(3)
    values = drawn.integers(0, 1 << 64, count, dtype=np.uint64)
    values[::10] = values[1::10] ^ np.uint64(0b10010)
    return values

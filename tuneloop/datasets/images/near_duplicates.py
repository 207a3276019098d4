"""Images that look alike: 64 bits for each, and clusters of those whose bits are near, found exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from tuneloop.datasets.images.orientation import apply_orientation

_SIDE = 32
"""Images are reduced to this many pixels a side first, whatever their shape."""
_NOISE = 0.1
"""Gray levels below which a component says nothing: encoders change as much."""
WITHIN_BITS = 6
"""Measured: copies encoded again or scaled differ in 0 to 6 bits of 64, different images in 7 and more."""


def _cosines() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The orthonormal cosine transform as a matrix, frequency by position."""
    frequency, position = np.mgrid[0:_SIDE, 0:_SIDE]
    matrix = np.cos(np.pi * (2 * position + 1) * frequency / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float32)


_COSINES = _cosines()
_BY_FREQUENCY = sorted(np.ndindex(_SIDE, _SIDE), key=lambda at: (sum(at), at))
_ROWS, _COLUMNS = np.array(_BY_FREQUENCY[1:65]).T
"""Of the 64 lowest frequencies, without the mean."""


def perceptual_hash(gray: Image.Image, orientation: int) -> int:
    """Hash the brightness of an image as it is shown.

    Each bit says whether one of the 64 slowest waves across the image goes up by more than noise. So an
    image in which nothing goes up or down hashes to 0.
    """
    small = gray.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    levels = np.asarray(apply_orientation(small, orientation), dtype=np.float32)
    waves = _COSINES @ levels @ _COSINES.T / _SIDE
    bits = waves[_ROWS, _COLUMNS] > _NOISE
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: Sequence[int], within_bits: int = WITHIN_BITS) -> list[tuple[int, ...]]:
    """Find clusters of images that look alike.

    Three things hold, exactly. Any two members of a cluster differ in at most `within_bits`, so no chain of small
    steps ties unlike images together. Every image that is near to another one is in a cluster, so nothing is
    missed; where A is near to B and B to C, but not A to C, B may be in two. And no image fits into a cluster
    that it is not in.

    A hash within the distance of 0 says nothing: flat images hash to it, and are all alike. It is left out.

    Memory grows with the number of hashes (64 bits each), never with the number of pairs. Returns places in
    `hashes`, ascending, two or more a cluster; the clusters in the order of their first members.
    """
    places = defaultdict(list)
    for place, value in enumerate(hashes):
        if value.bit_count() > within_bits:
            places[value].append(place)
    # In the order in which they first occur, so that clusters grow from the first images.
    distinct = list(places)
    clusters = _cover(np.array(distinct, dtype=np.uint64), within_bits)
    found = (tuple(sorted(place for at in cluster for place in places[distinct[at]])) for cluster in clusters)
    return sorted(cluster for cluster in found if len(cluster) > 1)


def _cover(hashes: np.ndarray[tuple[int], np.dtype[np.uint64]], within_bits: int) -> Iterator[list[int]]:
    """Grow a cluster from each hash that is in none yet, preferring others that are in none yet."""
    covered = np.zeros(len(hashes), dtype=np.bool_)
    for seed in range(len(hashes)):
        if covered[seed]:
            continue
        candidates = np.flatnonzero(np.bitwise_count(hashes ^ hashes[seed]) <= within_bits)
        candidates = candidates[candidates != seed]
        candidates = candidates[np.argsort(covered[candidates], kind="stable")]
        cluster = [seed]
        while len(candidates):
            joining, candidates = int(candidates[0]), candidates[1:]
            cluster.append(joining)
            candidates = candidates[np.bitwise_count(hashes[candidates] ^ hashes[joining]) <= within_bits]
        covered[cluster] = True
        yield cluster

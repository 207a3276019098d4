"""Images that look alike: 64 bits for each, and clusters of those whose bits are near, found exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIDE = 32
"""Images are reduced to this many pixels a side first, whatever their shape."""
_NOISE = 0.1
"""Gray levels below which a component says nothing: encoders change as much."""
WITHIN_BITS = 6
"""Measured: copies encoded again or scaled differ in 0 to 6 bits of 64, different images in 7 and more."""
_HASH_BITS = 64
_SHORT_BITS = 16
_PAIRS_AT_A_TIME = 1 << 14
"""Few enough for the processor's cache."""
_FEWEST_OF_A_COPY = 2

_Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
_Places = np.ndarray[tuple[int], np.dtype[np.intp]]
_Bands = np.ndarray[tuple[int], np.dtype[np.uint16 | np.uint64]]
_Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _cosines() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The orthonormal cosine transform as a matrix, frequency by position."""
    frequency, position = np.mgrid[0:_SIDE, 0:_SIDE]
    matrix = np.cos(np.pi * (2 * position + 1) * frequency / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float32)


def _lowest_first() -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Rows and columns of the 64 lowest frequencies, without the mean."""
    order = sorted(((u, v) for u in range(_SIDE) for v in range(_SIDE)), key=lambda at: (at[0] + at[1], at))
    rows, columns = zip(*order[1:65], strict=True)
    return np.array(rows), np.array(columns)


_COSINES = _cosines()
_ROWS, _COLUMNS = _lowest_first()


def perceptual_hash(gray: Image.Image, orientation: int) -> int:
    """Hash the brightness of an image as it is shown.

    Each bit says whether one of the 64 slowest waves across the image goes up by more than noise. So an
    image in which nothing goes up or down hashes to 0.
    """
    small = gray.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    levels = upright(np.asarray(small, dtype=np.float32), orientation)
    waves = _COSINES @ levels @ _COSINES.T / _SIDE
    bits = waves[_ROWS, _COLUMNS] > _NOISE
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def upright(
    levels: np.ndarray[tuple[int, int], np.dtype[np.float32]], orientation: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Turn and mirror rows and columns as an EXIF orientation demands."""
    if orientation in {5, 6, 7, 8}:
        levels = levels.T
    if orientation in {2, 3, 6, 7}:
        levels = levels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        levels = levels[::-1]
    return levels


def near_duplicates(hashes: Sequence[int], within_bits: int = WITHIN_BITS) -> list[tuple[int, ...]]:
    """Find clusters of images that look alike.

    Three things hold, exactly. Any two members of a cluster differ in at most `within_bits`, so no chain of small
    steps ties unlike images together. Every image that is near to another one is in a cluster, so nothing is
    missed; where A is near to B and B to C, but not A to C, B may be in two. And no image fits into a cluster
    that it is not in.

    A hash within the distance of 0 says nothing: flat images hash to it, and are all alike. It is left out.

    Args:
        hashes: Perceptual hashes of 64 bits. Memory grows with their number, never with the number of pairs.
        within_bits: Largest distance of two images that look alike, 0 to 63.

    Returns:
        Places in `hashes`, ascending, two or more a cluster; the clusters in the order of their first members.
    """
    values = np.array(hashes, dtype=np.uint64)
    telling = np.flatnonzero(np.bitwise_count(values) > within_bits)
    if not len(telling):
        return []
    distinct, which, copies = np.unique(values[telling], return_inverse=True, return_counts=True)
    near = np.flatnonzero(_with_neighbour(distinct, within_bits) | (copies >= _FEWEST_OF_A_COPY))
    # In the order in which they first occur, so that clusters grow from the first images.
    first = np.full(len(distinct), len(telling))
    np.minimum.at(first, which, np.arange(len(telling)))
    near = near[np.argsort(first[near], kind="stable")]
    by_hash, ends = telling[np.argsort(which, kind="stable")], np.cumsum(copies)
    clusters = _cover(distinct[near], within_bits)
    return sorted(
        tuple(sorted(int(at) for i in near[cluster] for at in by_hash[ends[i] - copies[i] : ends[i]]))
        for cluster in clusters
    )


def _with_neighbour(distinct: _Hashes, within_bits: int) -> _Flags:
    """Tell for each of the hashes whether another one is within the distance.

    Cut into one band more than there may be different bits, two near hashes are equal in one band at least. So
    only hashes that share a band are compared.
    """
    found = np.zeros(len(distinct), dtype=np.bool_)
    edges = np.linspace(0, _HASH_BITS, within_bits + 2).astype(int)
    for low, high in pairwise(edges):
        band = (distinct >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        if high - low <= _SHORT_BITS:
            band = band.astype(np.uint16)  # Sorted ten times as fast.
        order = np.argsort(band, kind="stable")
        _compare_within_bands(distinct[order], band[order], order, within_bits, found)
    return found


def _compare_within_bands(hashes: _Hashes, band: _Bands, order: _Places, within_bits: int, found: _Flags) -> None:
    """Compare each hash with all behind it in its band, some thousand pairs at a time."""
    places = np.arange(len(band))
    behind = np.searchsorted(band, band, side="right") - places - 1
    pairs_before = np.cumsum(behind) - behind
    portions = np.flatnonzero(np.diff(pairs_before // _PAIRS_AT_A_TIME)) + 1
    for portion in np.split(places, portions):
        left = np.repeat(portion, behind[portion])
        number = np.arange(len(left)) + pairs_before[portion[0]] - pairs_before[left]
        right = left + 1 + number
        near = np.bitwise_count(hashes[left] ^ hashes[right]) <= within_bits
        found[order[left[near]]] = True
        found[order[right[near]]] = True


def _cover(hashes: _Hashes, within_bits: int) -> list[_Places]:
    """Grow a cluster from each hash that is in none yet, preferring others that are in none yet."""
    covered = np.zeros(len(hashes), dtype=np.bool_)
    clusters = []
    for seed in range(len(hashes)):
        if covered[seed]:
            continue
        candidates = np.flatnonzero(np.bitwise_count(hashes ^ hashes[seed]) <= within_bits)
        candidates = candidates[candidates != seed]
        candidates = candidates[np.argsort(covered[candidates], kind="stable")]
        members = [seed]
        while len(candidates):
            joining = candidates[0]
            members.append(int(joining))
            candidates = candidates[1:]
            candidates = candidates[np.bitwise_count(hashes[candidates] ^ hashes[joining]) <= within_bits]
        cluster = np.array(members)
        covered[cluster] = True
        clusters.append(cluster)
    return clusters

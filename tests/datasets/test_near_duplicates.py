from __future__ import annotations

import random
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneloop.datasets.images.near_duplicates import near_duplicates

HASHES = st.integers(0, (1 << 64) - 1)


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Some hashes, with others a few bits away from those before them, so that chains come about."""
    hashes = draw(st.lists(HASHES, max_size=8))
    for _ in range(draw(st.integers(0, 25))):
        if hashes:
            bits = draw(st.lists(st.integers(0, 63), max_size=6))
            hashes.append(draw(st.sampled_from(hashes)) ^ sum({1 << bit for bit in bits}))
    return hashes


def near(one: int, other: int, within_bits: int) -> bool:
    return (one ^ other).bit_count() <= within_bits


def says_something(value: int, within_bits: int) -> bool:
    return value.bit_count() > within_bits


@given(families(), st.integers(0, 12))
def test_against_every_pair(hashes: list[int], within_bits: int) -> None:
    clusters = near_duplicates(hashes, within_bits)
    telling = [place for place, value in enumerate(hashes) if says_something(value, within_bits)]
    alike = {
        place
        for pair in combinations(telling, 2)
        if near(hashes[pair[0]], hashes[pair[1]], within_bits)
        for place in pair
    }
    assert {place for cluster in clusters for place in cluster} == alike
    for cluster in clusters:
        assert len(cluster) >= 2
        assert list(cluster) == sorted(set(cluster))
        assert all(near(hashes[one], hashes[other], within_bits) for one, other in combinations(cluster, 2))
        fitting = [
            place
            for place in telling
            if all(near(hashes[place], hashes[member], within_bits) for member in cluster)
        ]
        assert fitting == list(cluster)
    assert clusters == sorted(set(clusters))


@given(families(), st.randoms())
def test_order_of_the_images_does_not_change_who_is_in_a_cluster(hashes: list[int], chance: random.Random) -> None:
    shuffled = hashes.copy()
    chance.shuffle(shuffled)
    members, others = (
        sorted(order[place] for cluster in near_duplicates(order) for place in cluster)
        for order in (hashes, shuffled)
    )
    assert set(members) == set(others)


def test_chain_of_small_steps_is_no_cluster() -> None:
    start = 0x0F0F_F0F0_3C3C_A5A5
    chain = [start ^ ((1 << 4 * step) - 1) for step in range(6)]
    assert near_duplicates(chain, 6) == [(0, 1), (2, 3), (4, 5)]
    assert near_duplicates(chain[:3], 6) == [(0, 1), (1, 2)]


def test_distance_is_kept_to_the_bit() -> None:
    value = 0x1234_5678_9ABC_DEF0
    for bits in range(1, 12):
        other = value ^ sum(1 << (5 * bit) for bit in range(bits))
        assert near_duplicates([value, other], 6) == ([(0, 1)] if bits <= 6 else [])


def test_every_way_to_differ_is_found() -> None:
    chance = np.random.default_rng(5)
    spread_out = [5, 16, 26, 37, 48, 58]
    for value in chance.integers(1 << 62, 1 << 63, 200).tolist():
        bits = spread_out if value % 2 else chance.choice(64, 6, replace=False).tolist()
        assert near_duplicates([value, value ^ sum(1 << bit for bit in bits)], 6) == [(0, 1)]


def test_flat_images_are_no_duplicates_of_each_other() -> None:
    assert near_duplicates([0, 0, 1, 0b111111, 0], 6) == []
    assert near_duplicates([0b1111111, 0, 0b1111111], 6) == [(0, 2)]


@pytest.mark.parametrize("hashes", [[], [0], [77], [(1 << 64) - 1]])
def test_too_few_for_a_cluster(hashes: list[int]) -> None:
    assert near_duplicates(hashes) == []


def test_thousands_of_hashes_of_every_kind_need_little_memory() -> None:
    chance = np.random.default_rng(1)
    wild = chance.integers(0, 1 << 63, 10_000).tolist()
    # Every one within six bits of every other one, so that all pairs are near.
    tight = [wild[0] ^ sum({1 << int(bit) for bit in chance.integers(0, 64, 3)}) for _ in range(3_000)]
    for hashes, expected in ((wild, 0), ([wild[0]] * 10_000, 1), (tight, 1)):
        tracemalloc.start()
        assert len(near_duplicates(hashes)) == expected
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
        tracemalloc.stop()

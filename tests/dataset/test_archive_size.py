from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.archive_size import archive_size
from tuneloop.schemas.dataset import DatasetItem, DatasetManifest, in_digest_order
from tuneloop.storage.local_directory import LocalDirectory

items = st.builds(
    DatasetItem,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    size_bytes=st.integers(1, 200_000_000),
    width_px=st.just(1),
    height_px=st.just(1),
    format=st.sampled_from(["jpeg", "png", "webp"]),
    caption=st.none() | st.text(max_size=30),
    file_name=st.just("a.png"),
)


def size_of(found: list[DatasetItem]) -> int:
    return DatasetArchive(DatasetManifest(items=tuple(found), source=""), LocalDirectory(Path("/"))).size_bytes


@settings(deadline=None)
@given(found=st.lists(items, max_size=8))
def test_size_is_what_the_archive_says(found: list[DatasetItem]) -> None:
    assert archive_size(in_digest_order(found)) == size_of(found)


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(items, items), max_size=5))
def test_size_of_pairs_is_what_the_archive_says(pairs: list[tuple[DatasetItem, DatasetItem]]) -> None:
    found = []
    for number, (start, end) in enumerate(pairs, start=98):
        found.append(start.model_copy(update={"pair": number, "role": "start"}))
        found.append(end.model_copy(update={"pair": number, "role": "end", "caption": None}))
    assert archive_size(found) == size_of(found)


@settings(deadline=None, max_examples=20)
@given(found=st.lists(items, min_size=1, max_size=4), large=st.integers(1 << 31, 1 << 34))
def test_beyond_two_gigabytes_it_is_a_little_more_and_never_less(found: list[DatasetItem], large: int) -> None:
    found.append(found[0].model_copy(update={"size_bytes": large}))
    assert 0 <= archive_size(found) - size_of(found) <= 56 * 2 * len(found) + 76


def test_many_entries_are_counted_without_being_short() -> None:
    one = DatasetItem(
        sha256="0" * 64, size_bytes=10, width_px=1, height_px=1, format="png", caption="a", file_name="a.png"
    )
    found = [one] * 40_000
    assert 0 <= archive_size(found) - size_of(found) <= 56 * 80_000 + 76

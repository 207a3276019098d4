"""What is said to have changed between two datasets; only equal digests are no difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuneloop.schemas.dataset import DatasetDifference, DatasetManifest

from .test_archive import item_of

Entry = tuple[str, str | None]
entries = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.sampled_from(["", "red", "blue"])), max_size=5)


def manifest(*found: Entry) -> DatasetManifest:
    """Images, each with a caption."""
    items = tuple(item_of(content.encode(), caption, file_name=f"{content}.png") for content, caption in found)
    return DatasetManifest(items=items, source="a test")


def pairs(*found: tuple[str, str, str]) -> DatasetManifest:
    """Edit pairs, each with an instruction."""
    items = []
    for number, (start, end, instruction) in enumerate(found, start=1):
        for content, caption, role in ((start, instruction, "start"), (end, None, "end")):
            items.append(
                item_of(content.encode(), caption, role=role, pair=number, file_name=f"{number}_{role}.png")
            )
    return DatasetManifest(items=tuple(items), source="a test")


@given(old=entries, new=entries)
def test_there_is_a_difference_where_and_only_where_the_digests_differ(old: list[Entry], new: list[Entry]) -> None:
    before, after = manifest(*old), manifest(*new)
    difference = DatasetDifference.between(before, after)
    assert difference.any == (before.digest != after.digest)
    assert len(new) - len(old) == len(difference.added) - len(difference.removed)
    backwards = DatasetDifference.between(after, before)
    assert (backwards.added, backwards.removed) == (difference.removed, difference.added)
    assert sorted(backwards.captions_changed) == sorted(difference.captions_changed)


def test_each_change_is_told_once() -> None:
    old = manifest(("a", "red"), ("b", "red"), ("c", None))
    new = manifest(("a", "blue"), ("c", None), ("d", "red"))
    assert DatasetDifference.between(old, new).model_dump() == {
        "added": ("d.png",),
        "removed": ("b.png",),
        "captions_changed": ("a.png",),
        "pairs_changed": False,
    }


def test_image_that_is_there_twice_counts_twice() -> None:
    once, twice = manifest(("a", "red")), manifest(("a", "red"), ("a", "blue"))
    assert DatasetDifference.between(once, twice).added == ("a.png",)
    assert DatasetDifference.between(twice, once).removed == ("a.png",)
    assert DatasetDifference.between(twice, manifest(("a", "red"), ("a", "green"))).captions_changed == ("a.png",)


def test_new_instruction_for_one_of_two_edits_of_a_image_is_told() -> None:
    old = pairs(("s", "x", "a hat"), ("s", "y", "a coat"))
    for new in (
        pairs(("s", "x", "a red hat"), ("s", "y", "a coat")),
        pairs(("s", "x", "a hat"), ("s", "y", "a long coat")),
    ):
        difference = DatasetDifference.between(old, new)
        assert len(difference.captions_changed) == 1
        assert difference.summary == "1 caption changed"


def test_same_images_in_other_pairs_are_a_difference_and_other_numbers_are_none() -> None:
    old = pairs(("a", "b", "a hat"), ("c", "d", "a hat"))
    difference = DatasetDifference.between(old, pairs(("a", "d", "a hat"), ("c", "b", "a hat")))
    assert difference.any
    assert difference.summary == "paired otherwise"
    assert not DatasetDifference.between(old, pairs(("c", "d", "a hat"), ("a", "b", "a hat"))).any

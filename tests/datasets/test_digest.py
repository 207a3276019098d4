from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.schemas.dataset import DatasetManifest

from .images import encoded, noise, png_of

RULE = CaptionRule(trigger_word="TEABOT", instance_prompt="a photo of TEABOT", provider_captions=False)
Contents = list[tuple[int, str | None]]
"""Image number and caption text of each file."""

contents = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([None, "", "a cup", "ein Täßchen", "TEABOT at night"])),
    min_size=1,
    max_size=6,
)


def scanned(files: Contents, names: list[str] | None = None) -> DatasetManifest:
    """Write images and captions to a new folder and scan it."""
    with tempfile.TemporaryDirectory() as made:
        for position, (number, caption) in enumerate(files):
            stem = names[position] if names else f"{position}"
            (Path(made) / f"{stem}.png").write_bytes(png_of(number))
            if caption is not None:
                (Path(made) / f"{stem}.txt").write_text(caption, encoding="utf-8")
        return scan(Path(made), RULE).manifest


@settings(deadline=None, max_examples=40)
@given(files=contents, data=st.data())
def test_order_names_and_folder_make_no_difference(files: Contents, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(files))
    other_names = [f"{name}-é" for name in data.draw(st.permutations(range(len(files))))]
    one, other = scanned(files), scanned(shuffled, other_names)
    assert one.digest == other.digest
    assert [(item.sha256, item.caption) for item in one.items] == [
        (item.sha256, item.caption) for item in other.items
    ]


@settings(deadline=None, max_examples=40)
@given(files=contents, data=st.data())
def test_edited_caption_changes_the_digest(files: Contents, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(files) - 1))
    edited = [*files]
    edited[position] = (files[position][0], "something else altogether")
    assert scanned(edited).digest != scanned(files).digest


@settings(deadline=None, max_examples=40)
@given(files=contents, number=st.integers(0, 9))
def test_added_or_removed_image_changes_the_digest(files: Contents, number: int) -> None:
    assert scanned([*files, (number, "a cup")]).digest != scanned(files).digest


@settings(deadline=None, max_examples=40)
@given(files=contents)
def test_equal_images_count_each(files: Contents) -> None:
    twice = scanned([*files, files[0]])
    assert len(twice.items) == len(files) + 1
    assert twice.digest != scanned(files).digest


def test_touched_and_moved_folder_keeps_the_digest(folder: Path) -> None:
    (folder / "a.png").write_bytes(png_of(1))
    (folder / "a.txt").write_text("a cup")
    before = scan(folder, RULE).manifest.digest
    for path in folder.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o400)
    moved = folder.rename(folder.parent / "elsewhere")
    assert scan(moved, RULE).manifest.digest == before


def test_image_saved_again_changes_the_digest(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(encoded(noise(16, 16), "JPEG", quality=90))
    before = scan(folder, RULE).manifest.digest
    (folder / "a.jpg").write_bytes(encoded(noise(16, 16), "JPEG", quality=80))
    assert scan(folder, RULE).manifest.digest != before


def test_space_in_a_caption_makes_no_difference() -> None:
    assert scanned([(1, "a cup")]).digest == scanned([(1, "\ufeff a\r\n cup ")]).digest


def test_caption_equal_to_the_instance_prompt_is_no_difference() -> None:
    assert scanned([(1, None)]).digest == scanned([(1, "a photo of TEABOT")]).digest

"""What the scorers need of a dataset's images, kept in the store when the dataset comes in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.images import distinct
from tests.datasets.scanning import Scanned, scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import image_name, store_images
from tuneloop.errors import DatasetError
from tuneloop.evaluation.metrics import training_set
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.training_set import scored_against, scoring_images, store_scoring_images
from tuneloop.storage.local import LocalDirectory


class Counting(LocalDirectory):
    """Notes what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen: list[str] = []

    def read(self, name: str) -> bytes:
        self.seen.append(name)
        return super().read(name)


@pytest.fixture
def scanned(tmp_path: Path) -> Scanned:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(distinct(number))
    return scan(folder, CaptionRule(trigger_word=None, instance_prompt="a photo", provider_captions=False))


@pytest.fixture
def store(tmp_path: Path, scanned: Scanned) -> Counting:
    (tmp_path / "store").mkdir()
    store = Counting(tmp_path / "store")
    store_images(scanned.manifest, scanned.files, store)
    return store


def test_scoring_images_are_those_of_the_dataset_and_read_at_once(scanned: Scanned, store: Counting) -> None:
    store_scoring_images(scanned.manifest, scanned.files, store)
    store.seen.clear()
    look = scoring_images(scanned.manifest, store)
    found = {sha256: look(sha256).pixels for sha256 in scored_against(scanned.manifest)}
    assert len(store.seen) == 1
    assert len(found) == 5
    for sha256, pixels in found.items():
        np.testing.assert_array_equal(pixels, ScoringImage.decode(store.read(image_name(sha256))).pixels)


def test_dataset_of_many_images_is_kept_in_several_files(
    scanned: Scanned, store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_set, "_PER_FILE", 2)
    store_scoring_images(scanned.manifest, scanned.files, store)
    names = list(store.names(f"datasets/{scanned.manifest.digest}.scoring"))
    assert len(names) == 3
    look = scoring_images(scanned.manifest, store)
    last = scored_against(scanned.manifest)[-1]
    np.testing.assert_array_equal(look(last).pixels, ScoringImage.decode(store.read(image_name(last))).pixels)


def test_image_that_cannot_be_scored_against_is_named(scanned: Scanned, store: Counting, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    item = scanned.manifest.items[0].model_copy(update={"sha256": hashlib.sha256(b"no image").hexdigest()})
    manifest = scanned.manifest.model_copy(update={"items": (item,)})
    with pytest.raises(DatasetError, match=r"broken\.png: cannot be decoded .*save it again, or leave it out"):
        store_scoring_images(manifest, {item.sha256: broken}, store)


@pytest.mark.parametrize("kept", [None, b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_images_themselves_are_read_where_no_small_copies_are_kept(
    scanned: Scanned, store: Counting, kept: bytes | None
) -> None:
    if kept is not None:
        store.create(f"datasets/{scanned.manifest.digest}.scoring-00000.npz", kept)
    look = scoring_images(scanned.manifest, store)
    for sha256 in scored_against(scanned.manifest):
        np.testing.assert_array_equal(
            look(sha256).pixels, ScoringImage.decode(store.read(image_name(sha256))).pixels
        )

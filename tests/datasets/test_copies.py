"""The list of copies: made once, by whoever comes first, and nothing wrong is left by a kill."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from tests.datasets.image_facts import facts_of
from tests.datasets.images import encoded
from tuneloop.datasets import copies as copies_module
from tuneloop.datasets.copies import load_copies, make_copies
from tuneloop.datasets.images.normalize import normalized
from tuneloop.errors import CorruptRecord, DatasetError, StoreUnavailable
from tuneloop.schemas.dataset import (
    DatasetItem,
    DatasetManifest,
    ImageInfo,
    ImagePreprocessing,
    PreparedImages,
    copies_name,
)
from tuneloop.storage.local import LocalDirectory

WAY = ImagePreprocessing(longest_side_px=64)


class Dataset(NamedTuple):
    manifest: DatasetManifest
    files: dict[str, Path]
    facts: dict[str, ImageInfo]


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    """An image that lies on its side, a large one, and one that is fine."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "lying.jpg").write_bytes(encoded(Image.new("RGB", (20, 10), "red"), "JPEG", exif=exif.tobytes()))
    (folder / "large.png").write_bytes(encoded(Image.new("RGB", (256, 128), "blue"), "PNG"))
    (folder / "fine.png").write_bytes(encoded(Image.new("RGB", (30, 10), "green"), "PNG"))
    paths = sorted(folder.iterdir())
    known = {path: facts_of(path.read_bytes()) for path in paths}
    items = [
        DatasetItem.model_validate(
            {
                "file_name": path.name,
                **{
                    name: getattr(facts, name)
                    for name in ("sha256", "size_bytes", "width_px", "height_px", "format")
                },
            }
        )
        for path, facts in known.items()
    ]
    return Dataset(
        DatasetManifest(items=tuple(items), source=str(folder)),
        {facts.sha256: path for path, facts in known.items()},
        {facts.sha256: facts for facts in known.values()},
    )


def sha_of(dataset: Dataset, name: str) -> str:
    return next(sha256 for sha256, path in dataset.files.items() if path.name == name)


def test_only_what_has_to_change_is_copied_and_the_copy_lies_under_its_own_digest(
    dataset: Dataset, store: LocalDirectory
) -> None:
    told: list[tuple[int, int]] = []
    made = make_copies(*dataset, WAY, store, lambda done, total: told.append((done, total)))
    assert made.copies.keys() == {sha_of(dataset, "lying.jpg"), sha_of(dataset, "large.png")}
    for copy in made.copies.values():
        data = store.read(f"images/{copy.sha256}")
        assert hashlib.sha256(data).hexdigest() == copy.sha256
        assert len(data) == copy.size_bytes
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (copy.width_px, copy.height_px)
            assert (image.format or "").lower() == copy.format
    lying = made.copies[sha_of(dataset, "lying.jpg")]
    assert (lying.width_px, lying.height_px) == (10, 20)
    assert told == [(1, 2), (2, 2)]
    assert load_copies(dataset.manifest.digest, WAY, store) == made


def test_each_way_has_a_list_of_its_own(dataset: Dataset, store: LocalDirectory) -> None:
    upright = make_copies(*dataset, None, store)
    assert upright.copies.keys() == {sha_of(dataset, "lying.jpg")}
    assert make_copies(*dataset, WAY, store) != upright
    assert load_copies(dataset.manifest.digest, None, store) == upright
    assert copies_name("0" * 64, None) == f"datasets/{'0' * 64}-as-they-are.copies.json"


def test_dataset_of_an_older_version_has_no_copies(dataset: Dataset, store: LocalDirectory) -> None:
    assert load_copies(dataset.manifest.digest, None, store) == PreparedImages(copies={})


def test_list_that_is_there_is_gone_by_without_looking_at_the_files(
    dataset: Dataset, store: LocalDirectory
) -> None:
    first = make_copies(*dataset, WAY, store)
    for path in dataset.files.values():
        path.unlink()
    assert make_copies(*dataset, WAY, store) == first


def another_encoder(data: bytes, facts: ImageInfo, way: ImagePreprocessing | None) -> bytes | None:
    """The same images, in other bytes."""
    made = normalized(data, facts, way)
    assert made is not None
    return encoded(Image.open(io.BytesIO(made)), "PNG", compress_level=1)


def test_first_of_two_makers_with_different_encoders_decides(
    dataset: Dataset, store: LocalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[PreparedImages] = []

    def overtaken(data: bytes, facts: ImageInfo, way: ImagePreprocessing | None) -> bytes | None:
        """While this one is at work, another one begins and ends."""
        monkeypatch.setattr(copies_module, "normalized", another_encoder)
        monkeypatch.setattr(copies_module, "_STORED_AT_A_TIME", 1)
        if not lists:
            lists.append(make_copies(*dataset, way, store))
        return normalized(data, facts, way)

    monkeypatch.setattr(copies_module, "_STORED_AT_A_TIME", 1)
    monkeypatch.setattr(copies_module, "normalized", overtaken)
    late = make_copies(*dataset, WAY, store)
    (early,) = lists
    assert late == early == load_copies(dataset.manifest.digest, WAY, store)
    assert all(copy.format == "png" for copy in early.copies.values())
    monkeypatch.undo()
    assert make_copies(*dataset, WAY, store) == early


class DyingStore(LocalDirectory):
    """A store that is gone after a number of writes."""

    writes_left = 0

    def create(self, name: str, data: bytes) -> bool:
        if self.writes_left == 0:
            raise StoreUnavailable("gone")
        self.writes_left -= 1
        return super().create(name, data)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_kill_before_the_list_leaves_no_list_and_the_next_one_makes_it(
    dataset: Dataset, store: LocalDirectory, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    dying = DyingStore(Path(store.uri.removeprefix("file://")))
    dying.writes_left = writes
    with monkeypatch.context() as patched:
        patched.setattr(copies_module, "_STORED_AT_A_TIME", 1)
        with pytest.raises(StoreUnavailable):
            make_copies(*dataset, WAY, dying)
    assert len(list(store.names("images/"))) == writes
    assert load_copies(dataset.manifest.digest, WAY, store) == PreparedImages(copies={})
    made = make_copies(*dataset, WAY, store)
    assert {f"images/{copy.sha256}" for copy in made.copies.values()} == set(store.names("images/"))


def changed(path: Path) -> None:
    path.write_bytes(b"other bytes")


@pytest.mark.parametrize(
    ("harm", "reason"), [(Path.unlink, r"cannot be read any more"), (changed, "has changed since the scan")]
)
def test_file_that_is_not_the_one_that_was_scanned_makes_no_list(
    dataset: Dataset, store: LocalDirectory, harm: Callable[[Path], None], reason: str
) -> None:
    harm(dataset.files[sha_of(dataset, "large.png")])
    with pytest.raises(DatasetError, match=rf"large\.png: {reason}"):
        make_copies(*dataset, WAY, store)
    assert not store.exists(copies_name(dataset.manifest.digest, WAY))


def test_image_that_no_copy_can_be_made_of_is_named(dataset: Dataset, store: LocalDirectory) -> None:
    old = sha_of(dataset, "large.png")
    path, known = dataset.files.pop(old), dataset.facts.pop(old)
    cut = path.read_bytes()[:-40]
    path.write_bytes(cut)
    new = hashlib.sha256(cut).hexdigest()
    dataset.files[new], dataset.facts[new] = path, known.model_copy(update={"sha256": new})
    with pytest.raises(
        DatasetError, match=r"large\.png: cannot be prepared \(.+\); save it again, or leave it out"
    ):
        make_copies(*dataset, WAY, store)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"copies": {"a": {}}}', b"\xff"])
def test_broken_list_is_unreadable_and_not_absent(dataset: Dataset, store: LocalDirectory, content: bytes) -> None:
    store.create(copies_name(dataset.manifest.digest, WAY), content)
    with pytest.raises(CorruptRecord, match=r"is no list of copies \(.+\); restore it from a backup"):
        load_copies(dataset.manifest.digest, WAY, store)
    with pytest.raises(CorruptRecord):
        make_copies(*dataset, WAY, store)


def test_few_images_are_decoded_at_a_time(
    folder: Path, store: LocalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = [0, 0]

    def counted(data: bytes, facts: ImageInfo, way: ImagePreprocessing | None) -> bytes | None:
        at_work[0] += 1
        at_work[1] = max(at_work)
        try:
            return normalized(data, facts, way)
        finally:
            at_work[0] -= 1

    monkeypatch.setattr(copies_module, "normalized", counted)
    datas = [encoded(Image.new("RGB", (300 + number, 200)), "PNG") for number in range(20)]
    facts = {hashlib.sha256(data).hexdigest(): facts_of(data) for data in datas}
    files = {}
    for sha256, data in zip(facts, datas, strict=True):
        files[sha256] = folder / f"{sha256}.png"
        files[sha256].write_bytes(data)
    made = make_copies(DatasetManifest(items=(), source=""), files, facts, WAY, store)
    assert len(made.copies) == 20
    assert at_work[1] <= 2

from __future__ import annotations

import hashlib
import io
import stat
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.store import image_name
from tuneloop.errors import CorruptRecord, ObjectNotFound
from tuneloop.schemas.dataset import DatasetItem, DatasetManifest, PreparedImage, in_digest_order
from tuneloop.storage.local import LocalDirectory

from .images import JPEG, PNG, WEBP, png_of

SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def item_of(data: bytes, caption: str | None, **changed: object) -> DatasetItem:
    fields = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "width_px": 4,
        "height_px": 3,
        "format": "png",
        "caption": caption,
        "file_name": "a.png",
    }
    return DatasetItem.model_validate(fields | changed)


def stored(items: list[DatasetItem], contents: list[bytes], store: LocalDirectory) -> DatasetManifest:
    for data in contents:
        store.create(image_name(hashlib.sha256(data).hexdigest()), data)
    return DatasetManifest(items=in_digest_order(items), source="a test")


@st.composite
def datasets(draw: st.DrawFn) -> tuple[list[DatasetItem], list[bytes]]:
    contents = draw(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=12))
    captions = st.none() | st.text(st.characters(codec="utf-8"))
    formats = st.sampled_from(["jpeg", "png", "webp"])
    items = [item_of(data, draw(captions), format=draw(formats), file_name=draw(st.text())) for data in contents]
    return items, contents


@given(dataset=datasets())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_manifest_gives_a_complete_flat_zip_twice_the_same(
    store: LocalDirectory, dataset: tuple[list[DatasetItem], list[bytes]]
) -> None:
    manifest = stored(*dataset, store)
    archive = DatasetArchive(manifest, store)
    first, second = b"".join(archive.chunks()), b"".join(archive.chunks())
    assert first == second
    assert archive.size_bytes == len(first)
    expected = {}
    for number, item in enumerate(manifest.items, start=1):
        expected[f"{number:04d}.{SUFFIXES[item.format]}"] = store.read(image_name(item.sha256))
        if item.caption is not None:
            expected[f"{number:04d}.txt"] = item.caption.encode()
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == expected


def test_entries_are_plain_files_without_a_trace(store: LocalDirectory) -> None:
    manifest = stored([item_of(PNG, "a cup")], [PNG], store)
    archive = b"".join(DatasetArchive(manifest, store).chunks())
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.comment == b""
        for entry in opened.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.create_system == 3
            assert entry.external_attr == (stat.S_IFREG | 0o644) << 16
            assert (entry.extra, entry.comment) == (b"", b"")


@pytest.mark.parametrize("captions", [(None, "a cup"), (None, "")])
def test_names_and_place_of_the_images_leave_no_mark(
    store: LocalDirectory, captions: tuple[str | None, str]
) -> None:
    packed = set()
    for names in (("a.png", "b.png"), ("z.png", "y.png")):
        items = [item_of(PNG, text, file_name=name) for text, name in zip(captions, names, strict=True)]
        manifest = stored(items, [PNG], store).model_copy(update={"source": names[0]})
        packed.add(b"".join(DatasetArchive(manifest, store).chunks()))
    assert len(packed) == 1


def test_half_read_archive_starts_again_from_its_start(store: LocalDirectory) -> None:
    archive = DatasetArchive(stored([item_of(PNG, "a cup")], [PNG], store), store)
    broken_off = archive.chunks()
    begun = next(broken_off)
    assert b"".join(archive.chunks()).startswith(begun)


def test_missing_image_is_named(store: LocalDirectory) -> None:
    manifest = DatasetManifest(items=(item_of(PNG, None, file_name="cup.png"),), source="a test")
    with pytest.raises(ObjectNotFound, match=r"images/\w{64}: the image cup\.png is missing in the store; rest"):
        b"".join(DatasetArchive(manifest, store).chunks())


@pytest.mark.parametrize("crc32", [None, zlib.crc32(PNG)])
@pytest.mark.parametrize(
    "content",
    [PNG[:-1], PNG + b"x", PNG + bytes(100_000), bytes(len(PNG))],
    ids=["cut", "longer", "long", "other"],
)
def test_damaged_image_never_makes_a_whole_archive(
    store: LocalDirectory, content: bytes, crc32: int | None
) -> None:
    items = (item_of(PNG, "a cup", file_name="cup.png", crc32=crc32),)
    manifest = DatasetManifest(items=items, source="a test")
    store.create(image_name(manifest.items[0].sha256), content)
    received: list[bytes] = []
    archive = DatasetArchive(manifest, store)
    with pytest.raises(CorruptRecord, match=r"does not have the hash in its name \(cup\.png\); restore it"):
        received.extend(archive.chunks())
    assert sum(map(len, received)) < archive.size_bytes


def test_remembered_crc_leaves_the_archive_and_the_digest_as_they_are(store: LocalDirectory) -> None:
    plain = stored([item_of(PNG, "a cup")], [PNG], store)
    remembering = stored([item_of(PNG, "a cup", crc32=zlib.crc32(PNG))], [PNG], store)
    assert remembering.digest == plain.digest
    first, second = (b"".join(DatasetArchive(manifest, store).chunks()) for manifest in (plain, remembering))
    assert first == second


@pytest.mark.parametrize("crc32", [None, zlib.crc32(WEBP)])
def test_copy_is_sent_in_place_of_its_image(store: LocalDirectory, crc32: int | None) -> None:
    jpeg, kept = item_of(JPEG, "a cup", format="jpeg"), item_of(PNG, "another")
    copy = PreparedImage(
        sha256=hashlib.sha256(WEBP).hexdigest(), size_bytes=len(WEBP), width_px=1, height_px=1, format="webp",
        crc32=crc32,
    )  # fmt: skip
    manifest = stored([jpeg, kept], [PNG, WEBP], store)  # the source of the copy need not be there
    archive = DatasetArchive(manifest, store, {jpeg.sha256: copy})
    packed = b"".join(archive.chunks())
    assert len(packed) == archive.size_bytes
    number = 1 + manifest.items.index(jpeg)
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.read(f"{number:04d}.webp") == WEBP
        assert opened.read(f"{number:04d}.txt") == b"a cup"
        assert opened.read(f"{3 - number:04d}.png") == PNG
        assert len(opened.namelist()) == 4


def test_damaged_copy_is_named_by_its_image(store: LocalDirectory) -> None:
    item = item_of(JPEG, None, format="jpeg", file_name="cup.jpg")
    copy = PreparedImage(
        sha256=hashlib.sha256(WEBP).hexdigest(), size_bytes=len(WEBP), width_px=1, height_px=1, format="webp",
        crc32=zlib.crc32(WEBP),
    )  # fmt: skip
    store.create(image_name(copy.sha256), bytes(len(WEBP)))
    manifest = stored([item], [JPEG], store)
    with pytest.raises(CorruptRecord, match=rf"{copy.sha256}: does not have the hash .*\(cup\.jpg\)"):
        b"".join(DatasetArchive(manifest, store, {item.sha256: copy}).chunks())


def test_small_entries_are_not_sent_one_by_one(store: LocalDirectory) -> None:
    items = [item_of(PNG, f"cup {number}") for number in range(500)]
    chunks = list(DatasetArchive(stored(items, [PNG], store), store).chunks())
    assert len(chunks) < 20
    assert max(map(len, chunks)) <= 1024 * 1024


def test_memory_stays_below_one_image(store: LocalDirectory) -> None:
    large = png_of(1) + bytes(32 * 1024 * 1024)
    archive = DatasetArchive(stored([item_of(large, None), item_of(large, "again")], [large], store), store)
    del large
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in archive.chunks()) == archive.size_bytes
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_zip64_of_a_large_archive_opens(store: LocalDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit is 2 GiB; lowered, the same code writes the same extra fields around small images.
    monkeypatch.setattr("zipstream.ng.ZIP64_LIMIT", 1000)
    contents = [png_of(number) * (1 if number % 2 else 30) for number in range(20)]
    manifest = stored([item_of(data, f"cup {data!r}") for data in contents], contents, store)
    archive = DatasetArchive(manifest, store)
    packed = b"".join(archive.chunks())
    assert len(packed) == archive.size_bytes
    assert b"PK\x06\x06" in packed
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert len(opened.namelist()) == 40
        assert {opened.read(name) for name in opened.namelist()} >= set(contents)


def test_more_entries_than_a_plain_zip_can_count(store: LocalDirectory) -> None:
    item = item_of(PNG, "a cup")
    manifest = stored([item] * 33_000, [PNG], store)
    archive = DatasetArchive(manifest, store)
    packed = b"".join(archive.chunks())
    assert len(packed) == archive.size_bytes
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.namelist()[-2:] == ["33000.png", "33000.txt"]
        assert opened.read("33000.png") == PNG

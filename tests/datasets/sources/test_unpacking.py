"""Zips by strangers: what is honest arrives byte for byte, what is not is named and refused."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.datasets.images import png_of
from tests.datasets.sources.zips import Made, contents_of, made_zip, zipped
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.unpacking import unpack
from tuneloop.errors import DatasetError

UTF_8 = 0x0800


def unpacked(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    """Unpack two folders down, and look that nothing else has changed."""
    archive, folder, outside = tmp_path / "a.zip", tmp_path / "in" / "here", tmp_path / "in" / "evil"
    folder.mkdir(parents=True)
    outside.write_bytes(b"mine")
    archive.write_bytes(data)
    try:
        unpack(archive, folder, "a.zip")
    finally:
        found = contents_of(tmp_path)
        inside = {name.removeprefix("in/here/"): found.pop(name) for name in list(found) if "in/here/" in name}
        assert found == {"a.zip": data, "in/evil": b"mine"}
        assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    return inside


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_honest_zip_arrives_with_its_folders(tmp_path: Path, method: int) -> None:
    files = {"a.png": png_of(1), "b/c/d.png": bytes(3 << 20) + b"!", "e.txt": b"", "ä b.txt": b"x"}
    honest = (
        zipped(files, method) if method == zipfile.ZIP_STORED else zipped({**files, "b/c/d.png": b"!"}, method)
    )
    assert unpacked(tmp_path, honest) == (files if method == zipfile.ZIP_STORED else {**files, "b/c/d.png": b"!"})


def test_zip_of_the_large_kind_is_read(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "made.zip", "w") as archive,
        archive.open("a.txt", "w", force_zip64=True) as file,
    ):
        file.write(b"a cat")
    data = (tmp_path / "made.zip").read_bytes()
    (tmp_path / "made.zip").unlink()
    assert unpacked(tmp_path, data) == {"a.txt": b"a cat"}


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    junk = ["__MACOSX/._a.png", ".DS_Store", "b/.DS_Store", "Thumbs.db", "b/Thumbs.db", "Icon\r", "desktop.ini"]
    junk += ["$RECYCLE.BIN/b.png", "#recycle/c.png", "@eaDir/a.png/x.jpg", "a.png:Zone.Identifier"]
    assert unpacked(tmp_path, zipped({"a.png": b"x", **dict.fromkeys(junk, b"junk")})) == {"a.png": b"x"}


def test_names_in_odd_encodings_are_files_of_their_own(tmp_path: Path) -> None:
    plain = Made("é.png".encode(), b"utf-8 without a flag")
    flagged = Made("è.png".encode(), b"utf-8 with a flag", flags=UTF_8)
    old = Made(b"\x81.png", b"code page 437")
    assert unpacked(tmp_path, made_zip([plain, flagged, old])) == {
        "é.png": plain.data,
        "è.png": flagged.data,
        "ü.png": old.data,
    }


NAMES = {
    b"/evil": "absolute name",
    b"C:evil": "absolute name",
    b"C:/evil": "absolute name",
    b"../evil": "leads out of the folder",
    b"a/../../evil": "leads out of the folder",
    b".hidden/../../evil": "leads out of the folder",
    b"..": "leads out of the folder",
    b"..\\evil": "backslash",
    b"a.png\0.txt": "control characters",
    b"a\n.png": "control characters",
    b"a//b": "empty part",
    b"a/./b": "empty part or a .",
    b"": "empty part",
    b"a" * 256: "too long a name",
    b"abc/" * 300 + b"d": "too long a name",
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:24])
def test_name_that_is_no_plain_one_is_refused(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(DatasetError, match=NAMES[name]):
        unpacked(tmp_path, made_zip([Made(b"a.txt", b"x"), Made(name, b"evil", flags=UTF_8)]))


PACKED = zlib.compressobj(9, zlib.DEFLATED, -15)
STREAM = PACKED.compress(b"evil") + PACKED.flush()
ENTRIES = {
    "symbolic link": (Made(b"e", b"/etc/passwd", attributes=stat.S_IFLNK | 0o777), "is a symbolic link"),
    "device": (Made(b"e", attributes=stat.S_IFCHR | 0o666), "is a device"),
    "empty pipe": (Made(b"e", attributes=stat.S_IFIFO), "is a device"),
    "folder by its attributes": (Made(b"e", b"x", attributes=stat.S_IFDIR), "is a device or another special file"),
    "folder with contents": (Made(b"e/", b"x"), "contents of its own"),
    "encrypted": (Made(b"e", b"evil", flags=1), "is encrypted; zip it without a password"),
    "strongly encrypted": (Made(b"e", b"evil", flags=0x41), "is encrypted"),
    "another compression": (Made(b"e", b"evil", method=12), "packed by method 12"),
    "unknown compression": (Made(b"e", b"evil", method=99), "packed by method 99"),
    "patch": (Made(b"e", b"evil", flags=0x20), "packed by method"),
    "stored in two sizes": (Made(b"e", b"evil", size_bytes=3), "has two sizes"),
    "longer than claimed": (
        Made(b"e", b"evil", True, size_bytes=2, checksum=zlib.crc32(b"ev")),
        "is not of the size",
    ),
    "shorter than claimed": (Made(b"e", b"evil", True, size_bytes=9), "is not of the size"),
    "another checksum": (Made(b"e", b"evil", checksum=1), "is damaged"),
    "no deflated data": (Made(b"e", b"evil", packed=b"\xff" * 9, method=8), "is damaged"),
    "deflated data cut short": (Made(b"e", b"evil", packed=STREAM[:-2], method=8), "is cut short, or has bytes"),
    "bytes after the deflated data": (Made(b"e", b"evil", packed=STREAM + b"x", method=8), "has bytes after it"),
    "far too large": (Made(b"e", b"", True, size_bytes=(1 << 30) + 1), "the limit for one file is"),
    "too good a compression": (Made(b"e", bytes(2 << 20), True), "grows more than 200 times"),
    "two names": (Made(b"e", b"evil", local_name=b"f"), "is not where the zip says"),
    "beyond the end": (Made(b"e", b"evil", packed_bytes=9999, size_bytes=9999), "is cut short"),
    "elsewhere": (Made(b"e", b"evil", offset=7), "shares bytes|is not where the zip says"),
    "the same data": (Made(b"a.txt", b"", size_bytes=1, packed_bytes=1, offset=0), "shares bytes"),
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_entry_that_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    entry, reason = ENTRIES[kind]
    with pytest.raises(DatasetError, match=reason) as caught:
        unpacked(tmp_path, made_zip([Made(b"a.txt", b"x"), entry]))
    assert str(caught.value).startswith("a.zip: '")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((b"a", b"a"), "'a' is in it twice"),
        ((b"a", b"a/b"), "'a' is a file and, with 'a/b', a folder at once"),
        ((b"a/b/c", b"a"), "'a' is a file and"),
        ((b"\x82", "é".encode()), "'é' is in it twice"),
    ],
)
def test_two_names_that_need_one_place_are_refused(tmp_path: Path, names: tuple[bytes, ...], reason: str) -> None:
    entries = [Made(name, b"x", flags=UTF_8 if len(name) > 1 and name[0] > 127 else 0) for name in names]
    with pytest.raises(DatasetError, match=reason):
        unpacked(tmp_path, made_zip(entries))


HONEST = made_zip([Made(b"a.txt", b"a cat"), Made(b"b.txt", b"a dog", True)])
BROKEN = {
    "nothing": b"",
    "no zip": b"<html>please sign in</html>",
    "without its end": HONEST[:-30],
    "an end cut short": HONEST[:-3],
    "without its beginning": HONEST[4:],
    "bytes before it": b"#!/bin/sh\n" + HONEST,
    "bytes before it, offsets set right": made_zip([Made(b"a.txt", b"a cat")], before=b"#!/bin/sh\n"),
    "bytes after it": HONEST + b"x",
    "a second zip after it": HONEST + HONEST,
    "bytes before the list of contents": HONEST.replace(b"PK\1\2", b"?PK\1\2", 1),
    "nothing in it": made_zip([]),
    "only rubbish in it": zipped({".DS_Store": b"x"}),
    "no name that is UTF-8": made_zip([Made(b"\xff", b"x", flags=UTF_8)]),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_zip_that_is_not_whole_or_not_alone_is_refused(tmp_path: Path, kind: str) -> None:
    reason = "is not a (readable|complete|plain) zip|is a web page|bytes before its first entry|holds no files"
    with pytest.raises(DatasetError, match=reason):
        unpacked(tmp_path, BROKEN[kind])


def test_number_of_entries_is_limited_by_what_is_there_not_by_what_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = made_zip([Made(b"%d" % number) for number in range(11)])
    monkeypatch.setattr(limits, "MAX_FILES", 10)
    lying = many[:-14] + b"\1\0\1\0" + many[-10:]
    assert len(lying) == len(many)
    for data in (many, lying):
        with pytest.raises(DatasetError, match="lists more than 10 files"):
            unpack_alone(tmp_path, data)


def test_list_of_contents_larger_than_memory_should_hold_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_DIRECTORY_BYTES", 60)
    with pytest.raises(DatasetError, match="lists more than"):
        unpack_alone(tmp_path, HONEST)


def test_sizes_are_limited_together_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_DATASET_BYTES", 9)
    with pytest.raises(DatasetError, match="unpacks to 10 bytes; the limit is 9"):
        unpack_alone(tmp_path, HONEST)


def test_progress_counts_bytes_that_are_written(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    (tmp_path / "a.zip").write_bytes(HONEST)
    (tmp_path / "here").mkdir()
    unpack(
        tmp_path / "a.zip", tmp_path / "here", "a.zip", on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(5, 10), (10, 10)]


def unpack_alone(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "here").mkdir(exist_ok=True)
    unpack(tmp_path / "a.zip", tmp_path / "here", "a.zip")

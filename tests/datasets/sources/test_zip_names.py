"""Names that zips have where people make them: read as every unpacker reads them."""

from __future__ import annotations

import stat
import struct
import sys
import zlib
from pathlib import Path

import pytest

from tests.datasets.images import distinct
from tests.datasets.scanning import scan
from tests.datasets.sources.zips import Made, contents_of, made_zip, open_and_close
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.sources.opening import open_source
from tuneloop.errors import DatasetError

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)
UTF_8 = 0x0800
DOS, UNIX, NTFS = 0, 3, 10


def read(tmp_path: Path, entries: list[Made]) -> dict[str, bytes]:
    (tmp_path / "a.zip").write_bytes(made_zip(entries))
    with open_source(str(tmp_path / "a.zip")) as source:
        return contents_of(source.folder)


def unicode_path(name: str, header: bytes, *, version: int = 1) -> bytes:
    field = struct.pack("<BL", version, zlib.crc32(header)) + name.encode()
    return struct.pack("<2H", 0x7075, len(field)) + field


def test_zip_of_a_folder_on_dropbox_is_read(tmp_path: Path) -> None:
    entries = [Made(b"/", flags=UTF_8, host=DOS), Made(b"a.jpg", b"1", flags=UTF_8, host=DOS)]
    assert read(tmp_path, entries) == {"a.jpg": b"1"}


def test_zip_of_tar_is_read(tmp_path: Path) -> None:
    entries = [Made(b"./"), Made(b"./cats/"), Made(b"./cats/a.jpg", b"1"), Made(b"././b.jpg", b"2")]
    assert read(tmp_path, entries) == {"cats/a.jpg": b"1", "b.jpg": b"2"}


@pytest.mark.parametrize("host", [DOS, NTFS, 11, 14])
def test_backslash_of_windows_stands_between_folders(tmp_path: Path, host: int) -> None:
    entries = [Made(b"cats\\", host=host), Made(b".\\cats\\a.jpg", b"1", host=host)]
    assert read(tmp_path, entries) == {"cats/a.jpg": b"1"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"..\\evil", "leads out of the folder"),
        (b"cats\\..\\..\\evil", "leads out of the folder"),
        (b"\\evil", "is an absolute name"),
        (b"\\\\server\\evil", "is an absolute name"),
        (b"C:\\evil", "is an absolute name"),
        (b".\\/evil", "is an absolute name"),
        (b".//evil", "is an absolute name"),
        (b"/evil", "is an absolute name"),
        (b"cats\\\\a.jpg", "has an empty part"),
    ],
)
def test_hostile_name_with_backslashes_is_refused(tmp_path: Path, name: bytes, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        read(tmp_path, [Made(name, b"x", host=DOS)])


def test_backslash_of_another_system_is_a_letter_and_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has a backslash in its name"):
        read(tmp_path, [Made(b"a\\b.jpg", b"x", host=UNIX)])


def test_one_file_under_two_spellings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'cats/a' is in it twice"):
        read(tmp_path, [Made(b"cats\\a", b"1", host=DOS), Made(b"./cats/a", b"2")])


def test_root_folder_with_contents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'/' has an empty part"):
        read(tmp_path, [Made(b"a.jpg", b"1"), Made(b"./", b"x")])


@pytest.mark.parametrize("host", [DOS, UNIX])
@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("cp932", ["シリコン/表.jpg", "シリコン/能ソ.txt", "猫.jpg", "予定十.jpg"]),
        ("cp932", ["ソ.jpg"]),
        ("gbk", ["机器人/猫一号.jpg", "机器人/说明.txt"]),
        ("gbk", ["誠/a.jpg", "榎.jpg", "漒.jpg"]),
        ("big5", ["功能/許蓋.jpg", "功能/機器人.txt"]),
        ("cp866", ["коты/рыжий кот.jpg"]),
        ("cp437", ["Kätzchen/süß.jpg", "Kätzchen/été.txt"]),
    ],
)
def test_names_in_the_code_page_of_a_country_are_files_of_their_own(
    tmp_path: Path, page: str, names: list[str], host: int
) -> None:
    entries = [Made(name.encode(page), name.encode(), host=host) for name in names]
    assert read(tmp_path, entries) == {name: name.encode() for name in names}


@pytest.mark.parametrize("host", [DOS, UNIX])
def test_names_that_no_code_page_explains_stay_apart_and_pair_with_their_captions(
    tmp_path: Path, host: int
) -> None:
    odd = [b"\xff\x5c", b"\xff\xb0\x5c", b"\x80\xff"]
    entries = [Made(name + b".jpg", distinct(number), host=host) for number, name in enumerate(odd)]
    entries += [Made(name + b".txt", b"cat %d" % number, host=host) for number, name in enumerate(odd)]
    (tmp_path / "a.zip").write_bytes(made_zip(entries))
    with open_source(str(tmp_path / "a.zip")) as source:
        items = scan(source.folder, RULE).manifest.items
    assert sorted(item.caption or "" for item in items) == ["cat 0", "cat 1", "cat 2"]


def test_two_names_that_a_code_page_reads_as_one_stay_two_files(tmp_path: Path) -> None:
    assert b"\xed\x40".decode("cp932") == b"\xfa\x5c".decode("cp932")
    assert len(read(tmp_path, [Made(b"\xed\x40.jpg", b"1"), Made(b"\xfa\x5c.jpg", b"2")])) == 2


def test_unicode_path_is_the_name_and_finds_its_line_in_a_table(tmp_path: Path) -> None:
    old = "表.png".encode("cp932")
    entries = [
        Made(old, distinct(1), extra=unicode_path("表.png", old), host=DOS),
        Made(b"metadata.jsonl", '{"file_name": "表.png", "text": "a table"}'.encode()),
    ]
    (tmp_path / "a.zip").write_bytes(made_zip(entries))
    with open_source(str(tmp_path / "a.zip")) as source:
        (item,) = scan(source.folder, RULE).manifest.items
    assert (item.file_name, item.caption) == ("表.png", "a table")


def test_unicode_path_of_another_name_or_version_is_not_read(tmp_path: Path) -> None:
    entries = [
        Made(b"a.jpg", b"1", extra=unicode_path("x.jpg", b"renamed.jpg")),
        Made(b"b.jpg", b"2", extra=unicode_path("y.jpg", b"b.jpg", version=2)),
    ]
    assert set(read(tmp_path, entries)) == {"a.jpg", "b.jpg"}


def test_cut_unicode_path_is_not_read(tmp_path: Path) -> None:
    entries = [Made(b"c.jpg", b"3", extra=struct.pack("<2H", 0x7075, 2) + b"\1\0")]
    if sys.version_info < (3, 12):
        assert set(read(tmp_path, entries)) == {"c.jpg"}
    else:  # Python itself reads this field by now
        with pytest.raises(DatasetError, match="zip it again"):
            read(tmp_path, entries)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\b", "a\nb", ""])
def test_hostile_unicode_path_is_refused(tmp_path: Path, name: str) -> None:
    entry = Made(b"a.jpg", b"x", extra=unicode_path(name, b"a.jpg"))
    if not name:
        assert set(read(tmp_path, [entry])) == {"a.jpg"}
        return
    with pytest.raises(DatasetError, match=r"leads out|absolute name|backslash|control characters"):
        read(tmp_path, [entry])


def test_what_came_through_a_pipe_is_a_file(tmp_path: Path) -> None:
    assert read(tmp_path, [Made(b"-", b"x", attributes=stat.S_IFIFO | 0o600)]) == {"-": b"x"}


@pytest.mark.parametrize("after", [b"\n", b"\r\n", bytes(1000)])
def test_filler_after_a_zip_is_passed_over(tmp_path: Path, after: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(made_zip([Made(b"a.jpg", b"1")], after=after))
    with open_source(str(tmp_path / "a.zip")) as source:
        assert contents_of(source.folder) == {"a.jpg": b"1"}


@pytest.mark.parametrize("mark", [b"PK00", b"PK\7\x08"])
def test_zip_that_was_to_be_split_and_was_not_is_read(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(made_zip([Made(b"a.jpg", b"1")], before=mark))
    with open_source(str(tmp_path / "a.zip")) as source:
        assert contents_of(source.folder) == {"a.jpg": b"1"}


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><title>Sign in", b"\xef\xbb\xbf\n<html>", b"<?xml version='1.0'?>"]
)
def test_web_page_in_place_of_a_zip_is_called_one(tmp_path: Path, page: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(page)
    with pytest.raises(DatasetError, match="is a web page, not a zip; name the address of the zip itself"):
        open_and_close(str(tmp_path / "a.zip"))

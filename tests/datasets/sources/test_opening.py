"""Local sources, and those that are none."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.datasets.images import png_of
from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tuneloop.datasets.sources.opening import open_source
from tuneloop.datasets.sources.unpacking import unpack
from tuneloop.errors import DatasetError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def test_folder_is_used_in_place(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(1))
    with open_source(str(tmp_path)) as source:
        assert source == (tmp_path, str(tmp_path), None)
    assert contents_of(tmp_path) == {"a.png": png_of(1)}


def test_folder_needs_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png_of(1))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with open_source(str(tmp_path)) as source:
        assert source.folder == tmp_path


def test_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cats").mkdir()
    with open_source("~/cats") as source:
        assert source.folder == tmp_path / "cats"


def test_folder_that_is_called_like_a_zip_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cats.zip").mkdir()
    with open_source(str(tmp_path / "cats.zip")) as source:
        assert source.folder == tmp_path / "cats.zip"


def test_zip_file_is_unpacked_beside_nothing_of_the_users_and_gone_afterwards(
    tmp_path: Path, temporary: Path
) -> None:
    archive = tmp_path / "cats.ZIP"
    archive.write_bytes(zipped({"a/b.png": png_of(1), "metadata.jsonl": b"{}"}))
    with open_source(str(archive), provider_fetches=True) as source:
        assert contents_of(source.folder) == {"a/b.png": png_of(1), "metadata.jsonl": b"{}"}
        assert source.folder.is_relative_to(temporary)
        assert (source.label, source.public) == (str(archive), None)
    assert list(temporary.iterdir()) == []
    assert archive.exists()


def test_broken_zip_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    archive = tmp_path / "cats.zip"
    archive.write_bytes(zipped({"a.png": png_of(1), "../b.png": png_of(2)}))
    with pytest.raises(DatasetError, match=r"cats.zip: '../b.png' leads out of the folder"):
        open_and_close(str(archive))
    assert list(temporary.iterdir()) == []


def test_error_while_the_source_is_open_takes_it_away_too(tmp_path: Path, temporary: Path) -> None:
    archive = tmp_path / "cats.zip"
    archive.write_bytes(zipped({"a.png": png_of(1)}))

    def fail() -> None:
        with open_source(str(archive)):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("gs://bucket/cats", r"not read from gs:// addresses; copy it to S3"),
        ("ftp://host/cats.zip", r"not read from ftp:// addresses; download it first"),
        ("hf://datasets/cats", r"names no dataset; write it as hf://datasets/OWNER/NAME"),
        ("file:///cats", r"write the path alone"),
        ("ssh+git://host/cats", r"not read from ssh\+git:// addresses; name a folder, a \.zip file"),
        ("", r"no dataset is named; name a folder"),
        ("  ", r"no dataset is named; name a folder"),
        ("/nowhere/cats", r"/nowhere/cats: there is no such folder; check the path"),
        ("/nowhere/cats.zip", r"there is no such zip file; check the path"),
        ("cats\0dogs", r"there is no such folder; check the path"),
        ("~nobody-of-this-name/cats", r"cannot be opened .*; check the path"),
        ("/dev/null", r"/dev/null: is neither a folder nor a \.zip file"),
        ("s3://", r"names no bucket; write s3://bucket/prefix"),
        ("s3:///prefix", r"names no bucket"),
        ("s3://my bucket/prefix", r"names no bucket"),
    ],
)
def test_source_that_is_none_is_refused_in_a_sentence(source: str, reason: str, temporary: Path) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        open_and_close(source)
    assert "\n" not in str(caught.value)
    assert list(temporary.iterdir()) == []


def test_other_files_are_not_taken_for_zips(tmp_path: Path) -> None:
    (tmp_path / "cats.tar.gz").write_bytes(b"x")
    with pytest.raises(DatasetError, match="unpack it and name the folder"):
        open_and_close(str(tmp_path / "cats.tar.gz"))


def test_keys_in_an_address_are_not_shown() -> None:
    with pytest.raises(DatasetError, match="holds credentials") as caught:
        open_and_close("s3://key:hunter2@bucket/prefix")
    assert "hunter2" not in str(caught.value)


def test_folder_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    archive = tmp_path / "cats.zip"
    archive.write_bytes(zipped({"a.png": png_of(1)}))
    with pytest.raises(DatasetError, match=r"cannot be unpacked \(.+\); make it readable, and room in /proc"):
        unpack(archive, Path("/proc/dataset"), str(archive))

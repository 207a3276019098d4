"""Any zip at all: nothing is written outside the folder, and no error but ours comes out."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.datasets.sources.zips import Made, contents_of, made_zip, zipped
from tuneloop.datasets.files import is_system_file
from tuneloop.datasets.sources.unpacking import unpack
from tuneloop.errors import DatasetError

PIECES = ["a", "b.png", "..", ".", "", "\\", "\0", "é", "C:", "__MACOSX", ".x", "\r", "x" * 300, "etc", " "]
NUMBER = st.none() | st.sampled_from([0, 1, 2**16, 2**31, 2**32 - 1]) | st.integers(0, 50)
HOSTILE = st.builds(
    Made,
    name=st.lists(st.sampled_from(PIECES), max_size=4).map("/".join).map(str.encode) | st.binary(max_size=8),
    data=st.binary(max_size=40),
    deflated=st.booleans(),
    flags=st.sampled_from([0, 0x800, 1, 8, 0x20, 0x40, 0xFFFF]) | st.integers(0, 0xFFFF),
    method=st.none() | st.sampled_from([0, 8, 9, 12, 14, 93, 99]),
    size_bytes=NUMBER,
    checksum=st.none() | st.just(1),
    packed_bytes=NUMBER,
    attributes=st.sampled_from([0, 0o100644, 0o120777, 0o020666, 0o040755, 0o140000]) | st.integers(0, 0xFFFF),
    local_name=st.none() | st.binary(max_size=4),
    packed=st.none() | st.binary(max_size=20),
    offset=NUMBER,
    host=st.sampled_from([0, 3, 10]) | st.integers(0, 255),
    extra=st.binary(max_size=20)
    | st.builds(lambda path: struct.pack("<2HBL", 0x7075, len(path) + 5, 1, zlib.crc32(b"")) + path, st.binary()),
)


def honest(parts: list[str], data: bytes, deflated: bool) -> Made:
    return Made("/".join(parts).encode(), data, deflated, flags=0x800)


FILE = st.builds(
    honest,
    st.lists(st.sampled_from(["a", "b.png", "é", " ", "c d"]), min_size=1, max_size=3),
    st.binary(max_size=4000),
    st.booleans(),
)


def unpacked(data: bytes) -> dict[str, bytes] | None:
    """Unpack in a folder within a folder, and look around. None where it was refused."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "deep" / "er"
        folder.mkdir(parents=True)
        archive = Path(place) / "a.zip"
        archive.write_bytes(data)
        try:
            unpack(archive, folder, "a.zip")
        except DatasetError as error:
            refused = str(error)
        else:
            refused = ""
        everything = contents_of(Path(place))
        inside = contents_of(folder)
        assert {name for name in everything if not name.startswith("deep/er/")} == {"a.zip"}
        assert not any(path.is_symlink() for path in Path(place).rglob("*"))
        assert not refused or refused.startswith("a.zip")
        return None if refused else inside


@settings(max_examples=300, deadline=None)
@given(st.lists(HOSTILE, max_size=4))
@example([Made(b"a", b"x", flags=0x800, size_bytes=2**32 - 1, packed_bytes=2**32 - 1)])
def test_hostile_entries_do_no_harm(entries: list[Made]) -> None:
    unpacked(made_zip(entries))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(FILE, min_size=1, max_size=4),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
)
def test_bytes_turned_over_or_cut_off_do_no_harm(
    entries: list[Made], turned: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(made_zip(entries))
    for place, value in turned:
        data[int(place * (len(data) - 1))] = value
    unpacked(bytes(data))
    unpacked(bytes(data[: int(kept * len(data))]))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_do_no_harm(data: bytes) -> None:
    unpacked(data)
    unpacked(data + made_zip([]))


@settings(max_examples=200, deadline=None)
@given(st.lists(FILE, min_size=1, max_size=5, unique_by=lambda made: made.name))
def test_every_honest_entry_arrives_byte_for_byte(entries: list[Made]) -> None:
    names = [made.name.decode() for made in entries]
    if any(one != other and other.startswith(f"{one}/") for one in names for other in names):
        assert unpacked(made_zip(entries)) is None
    else:
        assert unpacked(made_zip(entries)) == {made.name.decode(): made.data for made in entries}


PLAIN_NAMES = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="/\\:."), min_size=1, max_size=30
).filter(lambda name: not is_system_file(name))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(PLAIN_NAMES, st.binary(max_size=50), min_size=1))
def test_whatever_python_zips_under_plain_names_arrives(files: dict[str, bytes]) -> None:
    assert unpacked(zipped(files, zipfile.ZIP_DEFLATED)) == files


def deflated_zeros(mebibytes: int) -> bytes:
    """Zeros, deflated a thousand to one; the same block over and over, so that making them takes no time."""
    block = 64
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = deflater.compress(bytes(block << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return once * (mebibytes // block) + b"\3\0"


@pytest.mark.parametrize(
    ("mebibytes", "claimed", "reason"),
    [
        (10 << 10, 2**32 - 1, "the limit for one file is"),
        (1 << 10, 1 << 30, "grows more than 200 times"),
        (10 << 10, 1 << 20, "is not of the size that the zip states"),
        (10 << 10, 100, "is not of the size that the zip states"),
    ],
)
def test_bomb_is_refused_while_memory_and_disk_stay_small(
    tmp_path: Path, mebibytes: int, claimed: int, reason: str
) -> None:
    packed = deflated_zeros(mebibytes)
    bomb = made_zip([Made(b"a.png", packed=packed, method=8, size_bytes=claimed, checksum=0)])
    assert len(bomb) < 12 << 20
    (tmp_path / "bomb.zip").write_bytes(bomb)
    (tmp_path / "here").mkdir()
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=reason):
            unpack(tmp_path / "bomb.zip", tmp_path / "here", "bomb.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert sum(map(len, contents_of(tmp_path / "here").values())) <= 1 << 20


def test_bomb_of_entries_that_share_their_data_is_refused(tmp_path: Path) -> None:
    packed = deflated_zeros(64)
    once = Made(b"a.png", packed=packed, method=8, size_bytes=64 << 20)
    data = made_zip([once, *(once._replace(name=b"%d.png" % n, packed=b"", offset=0) for n in range(99))])
    (tmp_path / "bomb.zip").write_bytes(data)
    (tmp_path / "here").mkdir()
    with pytest.raises(DatasetError, match=r"shares bytes|grows more than|cut short"):
        unpack(tmp_path / "bomb.zip", tmp_path / "here", "bomb.zip")
    assert contents_of(tmp_path / "here") == {}

"""What is particular to a store in a folder: kills, full disks, and folders that cannot be used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.ranged import File, safetensors
from tuneloop.errors import ObjectNotFound, StoreError, StoreUnavailable
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.transfer import transfer

BEGIN = """
import resource, signal, sys, time
from pathlib import Path
from tuneloop.storage.local import LocalDirectory

store = LocalDirectory(Path(sys.argv[1]))
"""

# The kernel kills the process while it writes its second MiB.
KILLED_WHILE_CREATING = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
store.create("log/0001.json", b"x" * (2 << 20))
"""

STOPPED_WITHIN_A_STREAM = """
def chunks():
    yield b"x" * (9 << 20)
    print("streaming", flush=True)
    time.sleep(60)

store.write_stream("weights", chunks())
"""

CREATING_FOR_EVER = """
number = 0
while True:
    number += 1
    store.create(f"log/{number:04}.json", b"%04d" % number * 50_000)
    print(number, flush=True)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def everything_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_killed_creator_leaves_nothing_under_the_name(local_store: LocalDirectory, tmp_path: Path) -> None:
    process = start(KILLED_WHILE_CREATING, tmp_path)
    process.communicate()
    assert process.returncode == -signal.SIGXFSZ
    # It was killed in the middle: its draft is there, cut, and nobody sees it.
    assert [path.stat().st_size for path in everything_below(tmp_path)] == [1 << 20]
    assert not local_store.exists("log/0001.json")
    assert list(local_store.names("")) == []
    assert local_store.create("log/0001.json", b"by another")


def test_killed_stream_leaves_nothing_under_the_name(local_store: LocalDirectory, tmp_path: Path) -> None:
    process = start(STOPPED_WITHIN_A_STREAM, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "streaming\n"
    process.kill()
    process.communicate()
    assert everything_below(tmp_path)
    assert not local_store.exists("weights")
    assert list(local_store.names("")) == []
    assert local_store.write_stream("weights", [b"by another"]).size_bytes == 10
    assert local_store.read("weights") == b"by another"


@pytest.mark.parametrize("seconds", [0.01, 0.03, 0.07])
def test_every_object_of_a_killed_writer_is_whole(
    local_store: LocalDirectory, tmp_path: Path, seconds: float
) -> None:
    process = start(CREATING_FOR_EVER, tmp_path)
    assert process.stdout
    process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    reported = [1, *map(int, process.communicate()[0].split())]
    for number, name in enumerate(local_store.names(""), start=1):
        assert name == f"log/{number:04}.json"
        assert local_store.read(name) == b"%04d" % number * 50_000
    assert len(list(local_store.names(""))) >= reported[-1]


def test_nothing_but_the_objects_is_left_behind(local_store: LocalDirectory, tmp_path: Path) -> None:
    local_store.create("a/b", b"1")
    local_store.create("a/b", b"2")
    local_store.write_stream("c", [b"3"])
    local_store.write_stream("c", [b"4"])
    with pytest.raises(ZeroDivisionError):
        local_store.write_stream("d", (b"%d" % (1 // number) for number in (1, 0)))
    assert sorted(everything_below(tmp_path)) == [tmp_path / "a/b", tmp_path / "c"]


def test_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    program = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
for write in (store.create, lambda name, data: store.write_stream(name, [data])):
    try:
        write("weights", b"x" * (2 << 20))
    except Exception as error:
        print(type(error).__name__, error)
"""
    output = start(program, tmp_path).communicate()[0].splitlines()
    assert len(output) == 2
    for line in output:
        assert line.startswith(f"StoreError {tmp_path.as_uri()}/weights cannot be used: File too large.")
        assert "run again" in line
    assert everything_below(tmp_path) == []


def operations(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.create("a/b", b"x"),
        lambda: store.write_stream("a/b", [b"x"]),
        lambda: store.read("a/b"),
        lambda: store.size("a/b"),
        lambda: store.exists("a/b"),
        lambda: store.describe("a/b"),
        lambda: list(store.names("")),
        lambda: list(store.names("a/b")),
        lambda: store.delete_marker("inflight/a/b"),
    ]


@pytest.mark.parametrize("place", ["missing", "missing/deeper", "file.txt", "file.txt/sub"])
def test_folder_that_is_not_there_is_an_error_and_never_an_empty_store(tmp_path: Path, place: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    folder = tmp_path / place
    for operation in operations(LocalDirectory(folder)):
        with pytest.raises(StoreError) as caught:
            operation()
        assert not isinstance(caught.value, ObjectNotFound | StoreUnavailable)
        assert f"The folder {folder} of the artifact store cannot be used" in str(caught.value)
        assert f"mkdir -p '{folder}'" in str(caught.value)
    assert everything_below(tmp_path) == [tmp_path / "file.txt"]


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up root's rights for a while: root may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that every user can reach."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    return tmp_path


def test_read_only_folder_can_be_read_and_refuses_writers(open_path: Path) -> None:
    store = LocalDirectory(open_path)
    store.create("a/b", b"x")
    open_path.chmod(0o555)
    (open_path / ".tmp").chmod(0o555)
    with ordinary_user():
        assert store.read("a/b") == b"x"
        with pytest.raises(StoreError, match=rf"{open_path}/a/c cannot be used: Permission denied.*Let the user"):
            store.create("a/c", b"x")
    open_path.chmod(0o755)
    assert list(store.names("")) == ["a/b"]


def test_folder_that_cannot_be_read_does_not_shorten_a_list(open_path: Path) -> None:
    store = LocalDirectory(open_path)
    store.create("a/b", b"x")
    store.create("c/d", b"x")
    (open_path / "a").chmod(0)
    with ordinary_user():
        with pytest.raises(StoreError, match="Permission denied"):
            list(store.names(""))
        with pytest.raises(StoreError, match="Permission denied"):
            store.exists("a/b")


def test_folder_that_is_not_ours_may_be_closed(open_path: Path) -> None:
    store = LocalDirectory(open_path)
    store.create("a/b", b"x")
    (open_path / "lost+found").mkdir(0)
    (open_path / ".tmp").chmod(0)
    with ordinary_user():
        assert list(store.names("")) == ["a/b"]


def test_name_that_is_a_folder_of_others_is_refused(local_store: LocalDirectory) -> None:
    local_store.create("a/b", b"x")
    for name in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(StoreError, match="choose another name") as caught:
            local_store.create(name, b"x")
        assert not isinstance(caught.value, ObjectNotFound)
    assert list(local_store.names("")) == ["a/b"]


def test_hidden_and_odd_files_are_not_in_the_store(local_store: LocalDirectory, tmp_path: Path) -> None:
    local_store.create("a/b", b"x")
    for name in (".DS_Store", "a/.b.swp", ".tmp/cut", "a/white space"):
        (tmp_path / name).write_bytes(b"x")
    assert list(local_store.names("")) == ["a/b"]


def test_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path)
    store = LocalDirectory(Path("store"))
    monkeypatch.chdir("/")
    assert store.create("a", b"x")
    assert store.uri == (tmp_path / "store").as_uri()
    assert (tmp_path / "store/a").read_bytes() == b"x"


@pytest.mark.parametrize("way", ["in parts", "created", "streamed"])
def test_file_outlives_a_power_cut_before_it_appears_and_its_name_after(
    local_store: LocalDirectory, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    done: list[tuple[str, int]] = []
    data = safetensors(50_000)
    sync, link = os.fsync, os.link

    def watched_sync(descriptor: int) -> None:
        sync(descriptor)
        done.append(("synced", os.fstat(descriptor).st_ino))

    def watched_link(source: Path, target: Path) -> None:
        link(source, target)
        done.append(("linked", target.stat().st_ino))

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "link", watched_link)
    if way == "in parts":
        transfer(local_store, "weights/job/w", File(data).source, "w")
    elif way == "created":
        local_store.create("weights/job/w", data)
    else:
        local_store.write_stream("weights/job/w", [data])
    path = local_store._folder / "weights/job/w"
    file = path.stat().st_ino
    appeared = done.index(("linked", file))
    assert ("synced", file) in done[:appeared]
    folders = [path.parent, path.parent.parent, local_store._folder]
    assert {("synced", each.stat().st_ino) for each in folders} <= set(done[appeared:])

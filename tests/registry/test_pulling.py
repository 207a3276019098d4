"""A champion's weights in a file: whole and right, or not there."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from rich.console import Console

from tests.registry.conftest import Champion, promotion_of
from tuneloop.cli.champion import pull_model
from tuneloop.errors import ConfigurationError, CorruptRecord, ObjectNotFound, StoreUnavailable
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.download import pull_weights, target_of
from tuneloop.schemas.records import Promotion
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory

NAME = "weights/aaaaaaaaaaaaaaaa-g1/lora.safetensors"
WEIGHTS = bytes(range(256)) * 12_345
"""Three megabytes: several reads."""


@pytest.fixture
def trained(ledger: Ledger, champion: Champion) -> Promotion:
    stored = ledger.store.write_stream(NAME, [WEIGHTS])
    return champion("a", weights=NAME, sha256=stored.sha256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pulled"
    made.mkdir()
    return made


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_weights_arrive_whole_with_progress(store: Store, trained: Promotion, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = target_of(trained, folder)
    assert target == folder / "robot-0001.safetensors"
    assert pull_weights(store, trained, target, on_progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == WEIGHTS
    assert everything_in(folder) == [target.name]
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_file_goes_where_it_is_wanted(
    trained: Promotion, folder: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    assert target_of(trained, folder / "mine.safetensors") == folder / "mine.safetensors"
    monkeypatch.chdir(folder)
    assert pull_weights(store, trained, target_of(trained, None))
    assert everything_in(folder) == ["robot-0001.safetensors"]


def test_file_that_is_there_already_is_left_alone(store: Store, trained: Promotion, folder: Path) -> None:
    target = folder / "mine"
    pull_weights(store, trained, target)
    before = target.stat()
    assert not pull_weights(store, trained, target, overwrite=True)
    after = target.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_file_is_replaced_only_if_that_is_asked_for(
    store: Store, trained: Promotion, folder: Path
) -> None:
    target = folder / "mine"
    target.write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match=r"is not robot v1; name another file with --output, or replace"):
        pull_weights(store, trained, target)
    assert target.read_bytes() == b"precious"
    assert pull_weights(store, trained, target, overwrite=True)
    assert target.read_bytes() == WEIGHTS
    assert everything_in(folder) == ["mine"]


def test_another_file_that_appears_while_the_weights_are_on_their_way_stays(
    store: Store, trained: Promotion, folder: Path
) -> None:
    target = folder / "mine"

    def appear(*_: int) -> None:
        target.write_bytes(b"precious")

    with pytest.raises(ConfigurationError, match=r"is not robot v1"):
        pull_weights(store, trained, target, on_progress=appear)
    assert target.read_bytes() == b"precious"
    assert everything_in(folder) == ["mine"]


def test_weights_that_are_not_what_was_recorded_make_no_file(
    store: Store, ledger: Ledger, champion: Champion, folder: Path
) -> None:
    ledger.store.write_stream(NAME, [WEIGHTS])
    odd = champion("a", weights=NAME, sha256="0" * 64)
    with pytest.raises(CorruptRecord, match=r"lora\.safetensors has the sha256 .* was recorded") as caught:
        pull_weights(store, odd, folder / "mine")
    assert hashlib.sha256(WEIGHTS).hexdigest() in str(caught.value)
    assert everything_in(folder) == []


def test_weights_that_are_gone_make_no_file(store: Store, champion: Champion, folder: Path) -> None:
    with pytest.raises(ObjectNotFound):
        pull_weights(store, champion("a", weights=NAME, sha256="0" * 64), folder / "mine")
    assert everything_in(folder) == []


class CutOff(io.BytesIO):
    """A stream that breaks after its first part."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise StoreUnavailable("the connection was cut")
        return super().read(size)


class CutOffDirectory(LocalDirectory):
    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        yield CutOff(self.read(name))


def test_cut_connection_leaves_nothing_behind(artifacts: LocalDirectory, folder: Path, champion: Champion) -> None:
    sha256 = artifacts.write_stream(NAME, [WEIGHTS]).sha256
    cut = CutOffDirectory(Path(artifacts.uri.removeprefix("file://")))
    (folder / "mine").write_bytes(b"precious")
    with pytest.raises(StoreUnavailable):
        pull_weights(cut, champion("a", weights=NAME, sha256=sha256), folder / "mine", overwrite=True)
    assert everything_in(folder) == ["mine"]
    assert (folder / "mine").read_bytes() == b"precious"


def test_control_c_leaves_nothing_behind(store: Store, trained: Promotion, folder: Path) -> None:
    def stop(*_: int) -> None:
        assert len(everything_in(folder)) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_weights(store, trained, folder / "mine", on_progress=stop)
    assert everything_in(folder) == []


PULL = """
import os, signal, sys
from pathlib import Path
from tuneloop.registry.models import get_version
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.download import pull_weights
from tuneloop.storage.local import LocalDirectory

store, target = LocalDirectory(Path(sys.argv[1])), Path(sys.argv[2])
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
pull_weights(store, get_version(Ledger(store), "robot"), target, overwrite=True, on_progress=die)
"""


def test_killed_process_leaves_the_file_as_it_was_and_the_next_one_clears_up_after_a_day(
    artifacts: LocalDirectory, folder: Path
) -> None:
    weights = {"weights": NAME, "sha256": artifacts.write_stream(NAME, [WEIGHTS]).sha256}
    trained = promotion_of("a", "robot", 1).model_copy(update=weights)
    assert Ledger(artifacts).write_promotion(trained)
    (folder / "mine").write_bytes(b"precious")
    root = artifacts.uri.removeprefix("file://")
    done = subprocess.run([sys.executable, "-c", PULL, root, str(folder / "mine")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / "mine").read_bytes() == b"precious"
    (left,) = set(everything_in(folder)) - {"mine"}
    precious = folder / ".tuneloop-mine.part"
    precious.write_bytes(b"nobody's but mine")
    pull_weights(artifacts, trained, folder / "mine", overwrite=True)
    assert left in everything_in(folder), "it may still be written"
    for path in (folder / left, precious):
        os.utime(path, (0, 0))
    pull_weights(artifacts, trained, folder / "other")
    assert everything_in(folder) == sorted([precious.name, "mine", "other"])


def test_folder_that_is_not_there_is_named(store: Store, trained: Promotion, folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing cannot be written \(No such file or directory\)"):
        pull_weights(store, trained, folder / "missing" / "mine")


def test_what_is_no_file_is_not_replaced(store: Store, trained: Promotion, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigurationError, match="exists and is not a file"):
        pull_weights(store, trained, folder / "pipe", overwrite=True)


def test_weights_that_stay_at_the_provider_are_named_by_their_id(champion: Champion) -> None:
    with pytest.raises(ConfigurationError, match=r"segmind keeps them, and the model is its id there, job-a"):
        target_of(champion("a"), None)


def test_command_tells_what_it_did(store: Store, trained: Promotion, folder: Path) -> None:
    screen = io.StringIO()
    on_a_terminal = Console(file=screen, force_terminal=True, width=80)
    told = pull_model(store, trained, folder, on_a_terminal, overwrite=False)
    assert f"robot v1, written (sha256 {trained.sha256})" in told.summary
    assert "3.2/3.2 MB" in screen.getvalue()
    piped = io.StringIO()
    again = pull_model(store, trained, folder, Console(file=piped), overwrite=False)
    assert "already there, and unchanged" in again.summary
    assert piped.getvalue() == ""

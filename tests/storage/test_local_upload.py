"""What is particular to uploads in parts into a folder: kills, locks, power cuts, and what is swept."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.ranged import File, Killed, safetensors, sha256
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.transfer import records, transfer
from tuneloop.storage.upload import parts_of

NAME = "weights/job/lora.safetensors"
PART = 10_000
FILE = safetensors(5 * PART)

HOLDING = """
import sys, time
from pathlib import Path
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.transfer import records
from tuneloop.storage.upload import parts_of

store = LocalDirectory(Path(sys.argv[1]))
(record,) = records(store, sys.argv[2])
with store.open_upload(sys.argv[2], record.upload, parts_of(record.size_bytes, record.part_size)):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalDirectory:
    return LocalDirectory(tmp_path, part_size=PART)


def killed_at(store: LocalDirectory, file: File, size_bytes: int) -> Path:
    """Kill a transfer; returns its draft."""
    file.killed_after = size_bytes
    with pytest.raises(Killed):
        transfer(store, NAME, file.source, "w")
    file.killed_after = None
    file.reads.clear()
    return store._folder / ".tmp" / records(store, NAME)[-1].upload


def drafts(store: LocalDirectory) -> list[str]:
    return sorted(path.name for path in (store._folder / ".tmp").iterdir())


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 3_000),
    part_size=st.integers(1, 700),
    piece=st.integers(1, 400),
    cuts=st.lists(st.integers(0, 2_000), max_size=6),
)
def test_any_file_arrives_whole_through_any_kills(size: int, part_size: int, piece: int, cuts: list[int]) -> None:
    file = File(safetensors(size), piece=piece)
    finished = 0
    with TemporaryDirectory() as folder:
        store = LocalDirectory(Path(folder), part_size=part_size)
        for cut in [*cuts, None]:
            file.killed_after, begun = cut, bool(records(store, NAME))
            file.reads.clear()
            try:
                stored = transfer(store, NAME, file.source, "w")
                break
            except Killed:
                # Nothing of a part that was whole before is ever read again.
                assert all(start >= finished for start, _ in file.reads if begun)
                if records(store, NAME) and len(file.reads) > 2 * (not begun):
                    finished = file.reads[-1][1] // part_size * part_size
        assert (stored.sha256, stored.size_bytes) == (sha256(file.data), len(file.data))
        assert (Path(folder) / NAME).read_bytes() == file.data
        assert list((Path(folder) / ".tmp").iterdir()) == []
        assert min(start for start, _ in file.reads) == (finished if records(store, NAME) and begun else 0)


def test_finished_transfer_leaves_no_draft(store: LocalDirectory) -> None:
    transfer(store, NAME, File(FILE).source, "w")
    assert drafts(store) == []


def test_bytes_that_the_journal_does_not_prove_are_fetched_again(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    # A power cut may leave a file with its length and without its bytes.
    data = bytearray(draft.read_bytes())
    data[PART + 5 : PART + 50] = bytes(45)
    draft.write_bytes(data)
    assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - PART


@pytest.mark.parametrize("damage", ["journal cut", "journal gone", "draft cut", "draft gone"])
def test_draft_that_was_damaged_is_believed_as_far_as_it_goes(store: LocalDirectory, damage: str) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    journal = draft.with_name(draft.name + ".parts")
    victim = journal if damage.startswith("journal") else draft
    if damage.endswith("cut"):
        os.truncate(victim, victim.stat().st_size // 2)
    else:
        victim.unlink()
    assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - (PART if damage.endswith("cut") else 0)


def test_torn_journal_is_mended_for_whoever_goes_on_next(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    journal = draft.with_name(draft.name + ".parts")
    os.truncate(journal, journal.stat().st_size // 2)
    killed_at(store, file, 2 * PART - 1)
    assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - 2 * PART


def test_draft_that_is_longer_than_it_should_be_is_cut(store: LocalDirectory) -> None:
    draft = killed_at(store, File(FILE), 4 * PART)
    os.truncate(draft, 2 * len(FILE))
    assert transfer(store, NAME, File(FILE).source, "w").sha256 == sha256(FILE)
    assert store.read(NAME) == FILE


def test_draft_that_was_published_by_a_killed_writer_is_never_written_to_again(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    with draft.open("r+b") as written:
        written.write(FILE)
    target = store._folder / NAME
    target.parent.mkdir(parents=True)
    os.link(draft, target)
    stored = transfer(store, NAME, File(safetensors(5 * PART, seed=3)).source, "w")
    assert stored.sha256 == sha256(FILE)
    assert target.read_bytes() == FILE
    assert drafts(store) == []


def test_writer_that_finds_the_draft_locked_writes_its_own_and_wins(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    before = draft.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(store._folder), NAME], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "holding\n"
        try:
            assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
            assert file.bytes_read == len(FILE)
            assert draft.read_bytes() == before[: 3 * PART]
            assert drafts(store) == [draft.name, f"{draft.name}.parts"]
        finally:
            holder.kill()


def test_lock_of_a_dead_writer_is_free(store: LocalDirectory) -> None:
    file = File(FILE)
    killed_at(store, file, 4 * PART)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(store._folder), NAME], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "holding\n"
        holder.kill()
    assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - 3 * PART


def test_writer_with_its_own_draft_leaves_none_when_it_fails(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(store._folder), NAME], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "holding\n"
        try:
            killed_at(store, file, 2 * PART)
            assert drafts(store) == [draft.name, f"{draft.name}.parts"]
        finally:
            holder.kill()


def age(path: Path, by: timedelta) -> None:
    old = time.time() - by.total_seconds()
    os.utime(path, (old, old))


def test_old_drafts_are_swept_and_young_ones_stay(store: LocalDirectory) -> None:
    draft = killed_at(store, File(FILE), 4 * PART)
    for name in ("0" * 32, "1" * 32):
        (store._folder / ".tmp" / name).write_bytes(b"of a writer that was killed")
    (store._folder / ".tmp" / "not ours").write_bytes(b"x")
    for name in ("0" * 32, draft.name, "not ours"):
        age(store._folder / ".tmp" / name, timedelta(days=8))
    # The journal is young: somebody has written a part. Then the draft is: somebody is about to.
    assert store.sweep("weights/", timedelta(days=7)) == 1
    age(draft.with_name(f"{draft.name}.parts"), timedelta(days=8))
    os.utime(draft)
    assert store.sweep("weights/", timedelta(days=7)) == 0
    assert drafts(store) == sorted(["1" * 32, draft.name, f"{draft.name}.parts", "not ours"])
    age(draft, timedelta(days=8))
    assert store.sweep("weights/", timedelta(days=7)) == 1
    assert drafts(store) == sorted(["1" * 32, "not ours"])
    assert len(records(store, NAME)) == 1


def test_old_draft_that_a_living_process_holds_is_not_swept(store: LocalDirectory) -> None:
    draft = killed_at(store, File(FILE), 4 * PART)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(store._folder), NAME], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "holding\n"
        try:
            for path in (draft, draft.with_name(f"{draft.name}.parts")):
                age(path, timedelta(days=8))
            assert store.sweep("weights/", timedelta(days=7)) == 0
            assert draft.exists()
        finally:
            holder.kill()


def test_draft_that_vanishes_during_a_sweep_is_passed_over(store: LocalDirectory) -> None:
    killed_at(store, File(FILE), 4 * PART)
    (store._folder / ".tmp" / ("2" * 32)).symlink_to("nowhere")
    assert store.sweep("weights/", timedelta(0)) == 1


def test_lock_on_a_journal_that_was_deleted_meanwhile_is_no_lock(
    store: LocalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = killed_at(store, File(FILE), 4 * PART)
    journal, lock = draft.with_name(f"{draft.name}.parts"), fcntl.flock
    waiting = [journal]

    def overtaken(descriptor: int, operation: int) -> None:
        while waiting:
            waiting.pop().unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    (record,) = records(store, NAME)
    parts = parts_of(record.size_bytes, record.part_size)
    with store.open_upload(NAME, record.upload, parts), store.open_upload(NAME, record.upload, parts):
        # The second one had to take a draft of its own.
        assert len(drafts(store)) == 4


def test_swept_draft_is_begun_anew(store: LocalDirectory) -> None:
    file = File(FILE)
    draft = killed_at(store, file, 4 * PART)
    for path in (draft, draft.with_name(f"{draft.name}.parts")):
        age(path, timedelta(days=8))
    assert store.sweep("weights/", timedelta(days=7)) == 1
    assert transfer(store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE)


def test_store_that_never_had_a_draft_has_nothing_to_sweep(store: LocalDirectory) -> None:
    assert store.sweep("weights/", timedelta(days=7)) == 0

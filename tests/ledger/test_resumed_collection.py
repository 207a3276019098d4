"""Paid weights come home through cuts, crashes and kills, and no finished part is fetched twice.

The provider is the emulator, the store a real S3 server, and every process a new one or as good as new.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.s3_server import fresh_bucket, s3_client, s3_server
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.emulator.objects import PREFIX
from tuneloop.errors import StoreError
from tuneloop.ledger.collection import collect_weights
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Collected, RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.transfer import records

PART = 5 << 20
WEIGHTS = 31_000_000


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as running:
        yield running


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator(
        "segmind", tmp_path / "emulator", progress=Progress.at_once(), weights_bytes=WEIGHTS
    ) as control:
        yield control


@pytest.fixture
def bucket(endpoint: str) -> str:
    return fresh_bucket(s3_client(endpoint))


Start = Callable[[], tuple[Ledger, SegmindProvider]]


@pytest.fixture
def process(endpoint: str, bucket: str, emulator: EmulatorControl) -> Start:
    """What a new process makes: clients that know nothing of the ones before."""

    def start() -> tuple[Ledger, SegmindProvider]:
        store = S3Store(s3_client(endpoint), bucket, "loras", part_size=PART)
        return Ledger(store), SegmindProvider(emulator.api_key, base_url=emulator.url)

    return start


@pytest.fixture
def trained(process: Start, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive) -> RunRecord:
    """A training that has ended at the provider."""
    ledger, provider = process()
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits())
    submitted = submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    record_progress(ledger, run, provider.get_job(Submission(job_id=submitted.job_id)))
    return run


def downloads(emulator: EmulatorControl) -> list[tuple[int, int]]:
    """First byte and byte after the last one of every download, as far as it went."""
    found = []
    for entry in emulator.requests():
        if entry.method == "GET" and entry.path.startswith(PREFIX) and entry.content_range:
            start = int(entry.content_range.removeprefix("bytes ").partition("-")[0])
            found.append((start, start + entry.sent_bytes))
    return found


def check(ledger: Ledger, collected: Collected) -> bytes:
    assert collected.weights is not None
    data = ledger.store.read(collected.weights)
    assert hashlib.sha256(data).hexdigest() == collected.sha256
    assert len(data) == collected.size_bytes
    return data


def test_download_that_is_cut_fifty_times_finishes_and_fetches_little_twice(
    process: Start, trained: RunRecord, emulator: EmulatorControl
) -> None:
    emulator.switch(download_cut=WEIGHTS // 25, download_seed=11)
    ledger, provider = process()
    data = check(ledger, collect_weights(provider, TrainingLog(ledger, trained.key, 1)))
    found = downloads(emulator)
    assert len(found) >= 50
    # Reading goes on at the very byte: what was on its way when a connection broke was received.
    assert sum(stop - start for start, stop in found) < len(data) + PART


def test_fifty_crashes_fetch_no_finished_part_again(
    process: Start, trained: RunRecord, emulator: EmulatorControl
) -> None:
    drawn = random.Random(5)  # noqa: S311 - the same crashes each time
    finished = 0
    for crashes in range(50):
        limit = drawn.randint(0, PART * 11 // 10)
        told: list[int] = []

        def crash(done: int, _: int | None, limit: int = limit, told: list[int] = told) -> None:
            told.append(done)
            if done - told[0] >= limit:
                raise SystemExit

        seen = len(downloads(emulator))
        ledger, provider = process()
        training = TrainingLog(ledger, trained.key, 1)
        with pytest.raises(SystemExit):
            collect_weights(provider, training, crash)
        assert told[0] == finished
        # The first byte is asked for each time, to learn of the file; its header only once.
        fetched = [start for start, stop in downloads(emulator)[seen:] if stop - start > 1]
        assert all(start >= finished for start in fetched if crashes)
        # A crash at the very end of a part comes before the part is sent whole.
        finished = max(finished, (told[-1] - 1) // PART * PART)
    ledger, provider = process()
    collected = collect_weights(provider, TrainingLog(ledger, trained.key, 1))
    data = check(ledger, collected)
    assert PART <= finished < len(data)
    assert sum(stop - start for start, stop in downloads(emulator)) <= len(data) + 51 * PART
    (record,) = records(ledger.store, str(collected.weights))
    assert record.size_bytes == len(data)


PROCESS = """
import sys
from tests.s3_server import s3_client
from tuneloop.ledger.collection import collect_weights
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.local import LocalDirectory
from pathlib import Path

kind, where, bucket, part, url, key, key_of_training = sys.argv[1:]
if kind == "s3":
    store = S3Store(s3_client(where), bucket, "loras", part_size=int(part))
else:
    store = LocalDirectory(Path(where), part_size=int(part))
tell = lambda done, _: print(done, flush=True)
ledger = Ledger(store)
training = TrainingLog(ledger, key_of_training, 1)
print(collect_weights(SegmindProvider(key, base_url=url), training, tell).sha256)
"""


@pytest.mark.parametrize("kind", ["s3", "folder"])
@pytest.mark.long  # many processes, each killed in its turn
def test_killed_processes_lose_no_part_that_was_finished(
    process: Start,
    trained: RunRecord,
    emulator: EmulatorControl,
    endpoint: str,
    bucket: str,
    tmp_path: Path,
    kind: str,
) -> None:
    where = endpoint
    ledger, _ = process()
    if kind == "folder":
        where = str(tmp_path / "folder")
        Path(where).mkdir()
        folder = LocalDirectory(Path(where), part_size=PART)
        for name in ledger.store.names(""):
            folder.create(name, ledger.store.read(name))
        ledger = Ledger(folder)
    command = [sys.executable, "-c", PROCESS, kind, where, bucket, str(PART)]
    command += [emulator.url, emulator.api_key, trained.key]
    firsts = []
    for kill_after in (PART + 1, PART + 1, 2 * PART + 1, None):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            firsts.append(int(running.stdout.readline()))
            for line in running.stdout:
                if kill_after is not None and int(line) >= firsts[-1] + kill_after:
                    running.kill()
                    break
    assert running.returncode == 0
    # Each one goes on after at least the part that the one before had finished.
    assert all(later >= earlier + PART for earlier, later in pairwise(firsts))
    last = TrainingLog(ledger, trained.key, 1).last
    assert isinstance(last, Collected)
    data = check(ledger, last)
    assert sum(stop - start for start, stop in downloads(emulator)) <= len(data) + 4 * PART


def test_link_that_expires_in_the_middle_is_asked_for_anew(
    process: Start, trained: RunRecord, emulator: EmulatorControl
) -> None:
    ledger, provider = process()
    advanced: list[int] = []

    def expire(done: int, _: int | None) -> None:
        if done > 2 * PART and not advanced:
            advanced.append(done)
            emulator.advance(3_601)

    check(ledger, collect_weights(provider, TrainingLog(ledger, trained.key, 1), expire))
    links = [entry for entry in emulator.requests() if entry.path == "/finetune/request/file/download"]
    assert len(links) == 2


def test_server_that_forgets_ranges_in_the_middle_is_read_whole(
    process: Start, trained: RunRecord, emulator: EmulatorControl
) -> None:
    ledger, provider = process()

    def forget(done: int, _: int | None) -> None:
        if PART < done < 2 * PART:
            emulator.switch(downloads="whole")

    check(ledger, collect_weights(provider, TrainingLog(ledger, trained.key, 1), forget))


@pytest.mark.parametrize("kind", ["whole", "without ETag", "without length", "without If-Range"])
def test_weights_of_a_server_without_ranges_come_home_too(
    process: Start, trained: RunRecord, emulator: EmulatorControl, kind: str
) -> None:
    emulator.switch(downloads=kind)
    ledger, provider = process()
    collected = collect_weights(provider, TrainingLog(ledger, trained.key, 1))
    check(ledger, collected)
    assert records(ledger.store, str(collected.weights)) == []


def test_crash_between_the_weights_and_their_record_loses_nothing_though_the_provider_has_none_any_more(
    process: Start, trained: RunRecord, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, provider = process()

    def crash(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(ledger, "append", crash)
    with pytest.raises(SystemExit):
        collect_weights(provider, TrainingLog(ledger, trained.key, 1))
    emulator.inject(Fault("refuse", "/", status=404, times=99))
    ledger, provider = process()
    check(ledger, collect_weights(provider, TrainingLog(ledger, trained.key, 1)))


def test_two_runs_that_collect_at_once_end_with_the_same_record(process: Start, trained: RunRecord) -> None:
    ledger, provider = process()
    theirs: list[Collected] = []
    started: list[int] = []

    def meanwhile(done: int, _: int | None) -> None:
        if done > 2 * PART and not started:
            started.append(done)
            other, account = process()
            theirs.append(collect_weights(account, TrainingLog(other, trained.key, 1)))

    assert collect_weights(provider, TrainingLog(ledger, trained.key, 1), meanwhile) == theirs[0]
    check(ledger, theirs[0])


def test_sweep_that_is_refused_fails_no_collection(
    process: Start, trained: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, provider = process()
    swept: list[object] = []

    def refuse(*arguments: object) -> int:
        swept.append(arguments)
        raise StoreError("S3 answered AccessDenied")

    monkeypatch.setattr(ledger.store, "sweep", refuse)
    check(ledger, collect_weights(provider, TrainingLog(ledger, trained.key, 1)))
    assert len(swept) == 1

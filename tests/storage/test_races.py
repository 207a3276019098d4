"""Many writers of one name: exactly one of them wins."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory

RACERS = 8

PROCESS = """
import sys
from pathlib import Path
from tuneloop.storage.local import LocalDirectory

store = LocalDirectory(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sum(store.create(f"log/{number:04}.json", sys.argv[2].encode()) for number in range(100)), flush=True)
"""


def test_one_of_many_racing_threads_creates_a_name(store: Store) -> None:
    gate = threading.Barrier(RACERS)

    def race(racer: int, name: str) -> bool:
        gate.wait()
        return store.create(name, b"%d" % racer)

    with ThreadPoolExecutor(RACERS) as pool:
        for number in range(10):
            name = f"log/{number:04}.json"
            won = list(pool.map(race, range(RACERS), [name] * RACERS))
            assert won.count(True) == 1
            assert store.read(name) == b"%d" % won.index(True)


def test_racing_processes_share_the_names_of_a_folder_without_doubles(
    local_store: LocalDirectory, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    racers = [
        subprocess.Popen([*command, f"racer {number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    # All are up before the first may start.
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate()[0]) for racer in racers]
    assert sum(won) == 100
    assert len(list(local_store.names("log/"))) == 100
    for number, count in enumerate(won):
        winners = [name for name in local_store.names("log/") if local_store.read(name) == b"racer %d" % number]
        assert len(winners) == count


def test_racing_streams_all_report_the_one_that_is_there(store: Store) -> None:
    # Large streams race in test_s3_failures: moto checks the condition of a completion, but not atomically.
    gate = threading.Barrier(RACERS)

    def race(racer: int) -> str:
        gate.wait()
        return store.write_stream("weights", [bytes([racer]) * 100_000]).sha256

    with ThreadPoolExecutor(RACERS) as pool:
        told = list(pool.map(race, range(RACERS)))
    assert told == [store.describe("weights").sha256] * RACERS

"""What the benchmark of the data path reports, and that everyone in it does the same work."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from rich.console import Console

from benchmarks.data.bucket import served
from benchmarks.data.material import make_dataset, make_images, make_weights, repeated
from benchmarks.data.report import OURS, Goal, Row, table_of
from benchmarks.data.turns import Entrant, EntrantFailed, Result, in_turns, program, python
from tuneloop.storage.safetensors import checked_chunks

ROW = Row(
    "zip",
    {OURS: Result(0.5, 44.04), "slow": Result(2.0, 30.0), "quick": Result(1.0, None), "cp": Result(0.25, None)},
    "cp",
    (Goal("quick", 0.5), Goal("cp", 1.9), Goal("peak_rss_mb", 44)),
)


def test_row_is_written_down_with_its_ratios() -> None:
    assert json.loads(json.dumps(ROW.figures())) == {
        "row": "zip",
        "ours_s": 0.5,
        "peers": {"slow": 2.0, "quick": 1.0},
        "limit": {"name": "cp", "seconds": 0.25},
        "ratio_to_best_peer": 0.5,
        "ratio_to_limit": 2.0,
        "peak_rss_mb": 44.0,
    }


def test_table_says_which_goals_are_met() -> None:
    assert [met for _, met in ROW.verdicts()] == [True, False, False]
    output = io.StringIO()
    Console(file=output, width=150).print(table_of([ROW]))
    assert "met: 0.50 x quick, goal 0.5" in output.getvalue()
    assert "missed: 2.00 x cp, goal 1.9" in output.getvalue()


def test_entrants_take_turns_and_the_fastest_run_counts(tmp_path: Path) -> None:
    log, left = tmp_path / "log", tmp_path / "left"
    script = (
        f"test ! -e {left} || exit 1; touch {left}; echo NAME >>{log}; "
        f'printf \'{{"seconds": %d, "peak_rss_mb": %d}}\\n\' $((9 - $(wc -l <{log}))) $((9 - $(wc -l <{log})))'
    )
    entrants = [Entrant(name, ("sh", "-c", script.replace("NAME", name)), timed_inside=True) for name in "AB"]
    results = in_turns([entrants[0], replace(entrants[1], times=10)], 2, left.unlink)
    assert log.read_text().split() == ["A", "B", "A", "B"]
    assert results == {"A": Result(6, 8), "B": Result(50, 7)}


def test_failing_entrant_ends_the_benchmark_and_is_heard() -> None:
    with pytest.raises(EntrantFailed, match=r"(?s)zip -0 failed.*no such disk"):
        in_turns([program("zip -0", "sh", "-c", "echo no such disk >&2; exit 3")], 1)


def contents(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as opened:
        return sorted(opened.read(name) for name in opened.namelist())


def test_ours_and_a_peer_pack_the_same_dataset(tmp_path: Path) -> None:
    manifest = make_dataset(tmp_path, 3, 1000)
    files, mine, theirs = tmp_path / "files", tmp_path / "mine.zip", tmp_path / "theirs.zip"
    results = in_turns(
        [
            python(OURS, "packing:to_disk", tmp_path, mine),
            python("zipfile", "zip_peers:with_zipfile", files, theirs, times=1000),
        ],
        1,
    )
    assert all(result.seconds > 0 and (result.peak_rss_mb or 0) > 5 for result in results.values())
    assert contents(mine) == contents(theirs)
    assert repeated(manifest, 4).size_bytes == 4 * manifest.size_bytes


@pytest.mark.parametrize("hollow", [False, True])
def test_weights_are_safetensors_of_the_wanted_size(tmp_path: Path, hollow: bool) -> None:
    make_weights(tmp_path / "weights", 3_000_000, hollow=hollow)
    data = (tmp_path / "weights").read_bytes()
    assert len(data) == 3_000_000
    assert b"".join(checked_chunks("weights", [data])) == data


def test_images_are_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        make_images(tmp_path / folder, 2)
    a, b = ([path.read_bytes() for path in sorted((tmp_path / folder).iterdir())] for folder in "ab")
    assert a == b
    assert a[0] != a[1]


def test_origin_answers_ranges_of_the_version_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(bytes(range(100)))
    with served(tmp_path / "weights") as url:
        whole = requests.get(url, timeout=60)
        assert (whole.status_code, whole.content) == (200, bytes(range(100)))
        etag = whole.headers["ETag"]
        part = requests.get(url, headers={"Range": "bytes=10-19", "If-Range": etag}, timeout=60)
        assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
        assert part.headers["Content-Range"] == "bytes 10-19/100"
        rest = requests.get(url, headers={"Range": "bytes=95-"}, timeout=60)
        assert (rest.status_code, rest.content) == (206, bytes(range(95, 100)))
        other = requests.get(url, headers={"Range": "bytes=10-19", "If-Range": '"other"'}, timeout=60)
        assert (other.status_code, other.content) == (200, bytes(range(100)))
        assert int(requests.head(url, timeout=60).headers["Content-Length"]) == 100


def test_origin_ends_with_whoever_started_it(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"x")
    words = [sys.executable, "-m", "benchmarks.data.origin", str(tmp_path / "weights")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout
        assert process.stdin
        port = int(process.stdout.readline())
        socket.create_connection(("127.0.0.1", port)).close()
        process.stdin.close()  # what the kernel does when the other end dies
        assert process.wait(timeout=60) == 0

"""Twenty processes promote and roll back at the same moment, and some of them are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import cycle, pairwise
from pathlib import Path

import pytest

from tests.registry.conftest import run_of
from tests.registry.racers import challenge
from tuneloop.ledger.ledger import Ledger
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

OURS = {"created_at", "writer_id", "number", "rolled_back_to", "decided_by", "reason"}
CHALLENGERS = "0123456789"
PEOPLE = ("01", "02", "03")
"""Which number a person puts back."""
DEATHS = ("before promotions/ 1", "after promotions/ 1", "after promotions/ 2", "before promotions/ 2")
OF_CHALLENGERS = (*DEATHS, "before decisions/ 1", "after decisions/ 1", "after decisions/ 2")


def assert_one_line(ledger: Ledger) -> None:
    """No gap, no fork, and every rollback has the content of the number that it names."""
    line = ledger.promotions("robot")
    assert [item.number for item in line] == list(range(1, len(line) + 1))
    assert len({item.writer_id for item in line}) == len(line)
    for item in line:
        if item.rolled_back_to is not None:
            original = line[item.rolled_back_to - 1]
            assert item.rolled_back_to < item.number
            assert item.model_dump(exclude=OURS) == original.model_dump(exclude=OURS)
    for before, after in pairwise(line):
        assert before.key != after.key, f"no. {after.number} promotes the champion once more"


@pytest.fixture
def place(request: pytest.FixtureRequest, store: LocalDirectory | S3Store) -> list[str]:
    """How another process opens the store."""
    if isinstance(store, LocalDirectory):
        return [store.uri.removeprefix("file://")]
    return [request.getfixturevalue("s3_endpoint"), *store.uri.removeprefix("s3://").split("/", 1)]


def raced(place: list[str], jobs: list[tuple[str, str]], root: Path) -> list[int]:
    """Let processes race, and tell how each has ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.racers"],
        input=json.dumps({"place": place, "jobs": jobs}),
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        check=True,
    )
    ended: list[int] = json.loads(done.stdout)
    return ended


def test_twenty_racing_promotions_and_rollbacks_leave_one_line(
    ledger: Ledger, place: list[str], pytestconfig: pytest.Config
) -> None:
    for letter in "abc":
        challenge(ledger, run_of(letter))
    people = [number for number, _ in zip(cycle(PEOPLE), range(10), strict=False)]
    deaths, of_challengers = cycle(DEATHS), cycle(OF_CHALLENGERS)
    jobs = [(job, next(of_challengers) if at % 3 else "") for at, job in enumerate(CHALLENGERS)]
    jobs += [(job, next(deaths) if at % 2 else "") for at, job in enumerate(people)]
    ended = raced(place, jobs, pytestconfig.rootpath)
    assert set(ended) <= {0, -signal.SIGKILL}
    dead = [(job, "") for (job, _), code in zip(jobs, ended, strict=True) if code]
    assert len(dead) > 5
    assert_one_line(ledger)
    assert raced(place, dead, pytestconfig.rootpath) == [0] * len(dead)
    assert_one_line(ledger)
    judged = [item.key[0] for item in ledger.promotions("robot") if item.rolled_back_to is None]
    assert sorted(judged) == sorted(f"abc{CHALLENGERS}"), "each challenger once"

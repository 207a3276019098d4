"""Processes that promote and roll back at the same moment, and die where they are told to: see `test_races`.

They are forks of one process that has imported everything: twenty interpreters would take longer than the race.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from tests.deadly import make_deadly
from tests.registry.conftest import collected, run_of
from tests.s3_server import s3_client
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.promotions import Registry
from tuneloop.registry.rollback import roll_back
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.records import Promotion, RunRecord
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

BETTER = GateResult(verdict="promote", reason="better", rule="a rule", scores={})


def challenge(ledger: Ledger, run: RunRecord) -> Promotion:
    """Judge a challenger until it is champion, as its run does, also after a crash."""
    while True:
        number = len(ledger.decisions(run)) + 1
        standing = Registry(ledger).current_decision(run)
        if standing is None:
            reigning = ledger.champion(run.model)
            Registry(ledger).record(
                run, BETTER, number=number, against=reigning.number if reigning else 0, report="report"
            )
        elif promotion := Registry(ledger).promote(run, collected(run), standing):
            return promotion


def opened(place: list[str]) -> Store:
    """A store by its folder, or by endpoint, bucket and prefix."""
    if len(place) == 1:
        return LocalDirectory(Path(place[0]))
    endpoint, bucket, prefix = place
    return S3Store(s3_client(endpoint), bucket, prefix)


def _child(place: list[str], job: str, point: str, ready: int, hold: int) -> NoReturn:
    try:
        store = opened(place)
        if point:
            make_deadly(store, point)
        os.write(ready, b".")
        os.read(hold, 1)
        if job.isdecimal() and len(job) > 1:
            roll_back(Ledger(store), "robot", int(job), "why", "a person")
        else:
            challenge(Ledger(store), run_of(job))
    except BaseException:  # noqa: BLE001 - a fork must not go on with what its parent does
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def race(place: list[str], jobs: list[tuple[str, str]]) -> list[int]:
    """Start a process for each job, let all go at once, and tell how each has ended."""
    (see, ready), (hold, go) = os.pipe(), os.pipe()
    children = []
    for job, point in jobs:
        child = os.fork()
        if not child:
            os.close(go)
            _child(place, job, point, ready, hold)
        children.append(child)
    for _ in children:
        os.read(see, 1)
    os.close(go)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    told = json.load(sys.stdin)
    sys.stdout.write(json.dumps(race(told["place"], told["jobs"])))

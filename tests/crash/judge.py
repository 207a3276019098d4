"""What must be true at the end of every case, by the provider's books, the store and the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.crash.cases import SENSOR_CONTINUES, Case
from tests.crash.lane import Lane
from tuneloop.errors import TuneloopError
from tuneloop.ledger import Ledger
from tuneloop.promotion import finished_decision
from tuneloop.values.records import (
    ENDS,
    AnyTrainingRecord,
    Collected,
    Failed,
    RunFile,
    Submitted,
    follows,
)
from tuneloop.values.training import job_name

Kind = Literal["double payment", "lost weights", "stuck", "ledger", "champion", "picture"]
_WEIGHTS_EXIST = frozenset({"TRAINING_COMPLETED", "INFERENCE_QUEUED", "DEPLOYING", "AVAILABLE"})
_PICTURES = 2
"""Pictures that a run may ask for: its own and the champion's."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    what: str


def story_is_over(lane: Lane) -> bool:
    """Tell whether the newest generation of every training was decided on, and no marker waits for a sensor."""
    ledger = lane.ledger
    runs = run_files(lane)
    newest = {run.key: run for run in sorted(runs, key=lambda run: run.generation)}
    decided = all(finished_decision(ledger, run) is not None for run in newest.values())
    waiting = SENSOR_CONTINUES and any(True for _ in ledger.markers())
    return bool(newest) and decided and not waiting


def run_files(lane: Lane) -> list[RunFile]:
    """What every run of the case has decided to work on."""
    ledger = lane.ledger
    names = [name.removeprefix("runs/").removesuffix(".json") for name in ledger.store.names("runs/")]
    return [run for run in map(ledger.run, names) if run is not None]


def judge(lane: Lane, deaths: int, case: Case) -> list[Finding]:
    """Look at everything that a case has left.

    Args:
        lane: Where it was played; its store is still the case's.
        deaths: How many processes were killed.
        case: The case.
    """
    findings = list(_payments(lane))
    findings += _pictures(lane, deaths, case)
    try:
        runs = run_files(lane)
        for key in sorted({run.key for run in runs}):
            findings += _history(lane.ledger, key)
            findings += _weights(lane, key)
        for model in sorted({run.model for run in runs}):
            findings += _champions(lane.ledger, model)
        findings += _markers(lane)
    except TuneloopError as error:
        findings.append(Finding("ledger", str(error)))
    return findings


def _payments(lane: Lane) -> Iterator[Finding]:
    """At most one paid training for each key and generation, and one that was not refunded for each key."""
    paid = [entry for entry in lane.emulator.billing() if entry.kind == "training"]
    for name, times in Counter(entry.name for entry in paid).items():
        if times > 1:
            yield Finding("double payment", f"{name} was paid for {times} times")
    kept = Counter(entry.name.partition("-g")[0] for entry in paid if not entry.refunded)
    for key, times in kept.items():
        if times > 1:
            yield Finding("double payment", f"training {key} was paid for in {times} generations")


def _pictures(lane: Lane, deaths: int, case: Case) -> Iterator[Finding]:
    """A picture is asked for again only where an answer was lost."""
    paid = sum(entry.kind == "inference" for entry in lane.emulator.billing())
    rendered = sum(1 for _ in lane.ledger.store.names("renders/"))
    lost = deaths + len(case.story.faults)
    allowed = rendered + lost + (case.racers - 1) * _PICTURES
    if paid > allowed:
        yield Finding("picture", f"{paid} pictures were paid for, {rendered} are there, {lost} answers were lost")


def _history(ledger: Ledger, key: str) -> Iterator[Finding]:
    """No gap, only legal steps, and one job for each generation."""
    before: AnyTrainingRecord | None = None
    jobs: dict[int, str] = {}
    for record in ledger.history(key):
        if not _may_follow(before, record):
            yield Finding("ledger", f"{record.state} follows {before.state if before else 'nothing'}")
        if isinstance(record, Submitted):
            if record.generation in jobs:
                yield Finding("ledger", f"generation {record.generation} was submitted twice")
            jobs[record.generation] = record.job_id
        before = record


def _may_follow(before: AnyTrainingRecord | None, record: AnyTrainingRecord) -> bool:
    if before is not None and record.generation == before.generation:
        return follows(before, record)
    if before is not None and before.state not in ENDS:
        return False
    # A generation that was marked and never claimed is closed by its first record; a job may be there before that.
    return record.state in {"claimed", "abandoned", "submitted"} and record.generation == (
        before.generation + 1 if before else 1
    )


def _weights(lane: Lane, key: str) -> Iterator[Finding]:
    """Whatever was trained is in the store, whole; whatever is recorded as collected is what it says."""
    collected = {r.job_id: r for r in lane.ledger.history(key) if isinstance(r, Collected)}
    failed = {r.job_id for r in lane.ledger.history(key) if isinstance(r, Failed)}
    for job in lane.emulator.jobs():
        ours = job.name.startswith(key[:16])
        if ours and job.status in _WEIGHTS_EXIST and job.id not in collected and job.id not in failed:
            yield Finding("lost weights", f"job {job.id} ({job.name}) is {job.status} and was not collected")
    for record in collected.values():
        file = lane.store / (record.weights or "nowhere")
        if not file.is_file():
            yield Finding("lost weights", f"{record.weights} is recorded and not in the store")
        elif _sha256(file) != record.sha256:
            yield Finding("lost weights", f"{record.weights} is not what was recorded")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _champions(ledger: Ledger, model: str) -> Iterator[Finding]:
    """One line of champions without a gap, in which no version stands twice, each with its weights."""
    line = ledger.promotions(model)
    versions = Counter((promotion.key, promotion.generation) for promotion in line)
    for (key, generation), times in versions.items():
        if times > 1:
            yield Finding("champion", f"{job_name(key, generation)} was promoted {times} times")
    for place, promotion in enumerate(line, start=1):
        if promotion.number != place:
            yield Finding("champion", f"promotion {promotion.number} stands at place {place}")
        ends = [r for r in ledger.history(promotion.key) if r.generation == promotion.generation]
        if not isinstance(ends[-1], Collected) or ends[-1].sha256 != promotion.sha256:
            yield Finding("champion", f"promotion {place} is not of the weights that were collected")


def _markers(lane: Lane) -> Iterator[Finding]:
    if SENSOR_CONTINUES and (left := [marker.name for marker in lane.ledger.markers()]):
        yield Finding("stuck", f"markers are left: {', '.join(left)}")

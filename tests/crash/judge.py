"""What must be true at the end of every case, by the provider's books, the store and the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.crash.bounds import beyond_bounds
from tests.crash.case import Case
from tests.crash.finding import Finding
from tests.crash.lane import Lane
from tuneloop.errors import ObjectNotFound, TuneloopError
from tuneloop.ledger.failover import closed
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.records import (
    ENDS,
    Abandoned,
    AnyTrainingRecord,
    Claimed,
    Collected,
    RunRecord,
    Submitted,
    follows,
)
from tuneloop.schemas.training import job_name

_WEIGHTS_EXIST = frozenset(
    {"TRAINING_COMPLETED", "INFERENCE_QUEUED", "DEPLOYING", "AVAILABLE", "Ready", "COMPLETED", "succeeded"}
)
_IMAGES = 2
"""Images that a run may ask for: its own and the champion's."""


def story_is_over(lane: Lane) -> bool:
    """Tell whether the newest attempt of every training was decided on, and no marker waits for a sensor."""
    ledger = lane.ledger
    runs = run_files(lane)
    newest = {run.key: run for run in sorted(runs, key=lambda run: run.attempt)}
    decided = all(_has_ended(ledger, run) for run in newest.values())
    waiting = any(True for _ in ledger.markers())
    return bool(newest) and decided and not waiting


def _has_ended(ledger: Ledger, run: RunRecord) -> bool:
    """Tell whether a run's attempt was decided on, given up after it was paid, or left to another trainer."""
    records = [record for record in ledger.history(run.key) if record.attempt <= run.attempt]
    ends = [record for record in records if isinstance(record, Abandoned)]
    given_up = ends[-1:] == records[-1:] and any(end.paid for end in ends)
    # Of those that were compared one is promoted, and the question about the others has no object then.
    compared = run.comparison is not None and ledger.champion(run.model) is not None
    left = compared or closed(ledger, run) is not None
    return given_up or left or Registry(ledger).applied_decision(run) is not None


def run_files(lane: Lane) -> list[RunRecord]:
    """What every run of the case has decided to work on."""
    ledger = lane.ledger
    runs = map(ledger.run, _flow_runs(ledger, "runs/"))
    compared = map(ledger.comparison, _flow_runs(ledger, "comparisons/"))
    candidates = [run for record in compared if record is not None for run in record.runs]
    return [*(run for run in runs if run is not None), *candidates]


def _flow_runs(ledger: Ledger, folder: str) -> list[str]:
    return [name.removeprefix(folder).removesuffix(".json") for name in ledger.store.names(folder)]


def judge(lane: Lane, deaths: int, case: Case) -> list[Finding]:
    """Look at everything that a case has left.

    Args:
        lane: Where it was played; its store is still the case's.
        deaths: How many processes were killed.
        case: The case.
    """
    findings = list(_payments(lane, case))
    findings += _images(lane, deaths, case)
    try:
        runs = run_files(lane)
        findings += beyond_bounds(lane, runs)
        findings += _limits(lane, case, runs)
        for key in sorted({run.key for run in runs}):
            findings += _history(lane.ledger, key)
            findings += _weights(lane, key)
        for model in sorted({run.model for run in runs}):
            findings += _champions(lane.ledger, model)
        findings += _markers(lane)
    except TuneloopError as error:
        findings.append(Finding("ledger", str(error)))
    return findings


def _payments(lane: Lane, case: Case) -> Iterator[Finding]:
    """At most one paid training for each key and attempt, and one that was not refunded for each key.

    Of a trainer and its fallback, one alone is paid.
    """
    paid = [entry for entry in lane.billing() if entry.kind == "training"]
    for name, times in Counter(entry.name for entry in paid).items():
        if times > 1:
            yield Finding("double payment", f"{name} was paid for {times} times")
    kept = Counter(entry.name.partition("-g")[0] for entry in paid if not entry.refunded)
    for key, times in kept.items():
        if times > 1:
            yield Finding("double payment", f"training {key} was paid for in {times} attempts")
    if case.story.fallback is not None and len(kept) > 1:
        yield Finding("double payment", f"both trainers were paid for: {', '.join(sorted(kept))}")


def _images(lane: Lane, deaths: int, case: Case) -> Iterator[Finding]:
    """An image is asked for again only where an answer was lost."""
    paid = sum(entry.kind == "inference" for entry in lane.billing())
    rendered = sum(1 for ledger in lane.ledgers() for _ in ledger.store.names("renders/"))
    lost = deaths + sum(fault.times for fault in case.story.faults)
    allowed = rendered + lost + (case.racers - 1) * _IMAGES
    if paid > allowed:
        yield Finding("image", f"{paid} images were paid for, {rendered} are there, {lost} answers were lost")


def _history(ledger: Ledger, key: str) -> Iterator[Finding]:
    """No gap, only legal steps, and one job for each attempt."""
    before: AnyTrainingRecord | None = None
    jobs: dict[int, str] = {}
    for record in ledger.history(key):
        if not _may_follow(before, record):
            yield Finding("ledger", f"{record.state} follows {before.state if before else 'nothing'}")
        if isinstance(record, Submitted):
            # A job that lives again after its bad end is written down again, under the same id.
            if jobs.get(record.attempt, record.job_id) != record.job_id:
                yield Finding("ledger", f"attempt {record.attempt} has two jobs")
            jobs[record.attempt] = record.job_id
        before = record


def _may_follow(before: AnyTrainingRecord | None, record: AnyTrainingRecord) -> bool:
    if before is not None and record.attempt == before.attempt:
        return follows(before, record)
    if before is not None and before.state not in ENDS:
        return False
    # A job that is at the provider already is written down, or held, without a claim; an attempt that was
    # marked and never claimed is closed by its first record.
    found = isinstance(record, Submitted) and record.found_by != "answer"
    return (found or record.state in {"claimed", "held", "abandoned"}) and record.attempt == (
        before.attempt + 1 if before else 1
    )


def _weights(lane: Lane, key: str) -> Iterator[Finding]:
    """Whatever was trained is in the store, whole; whatever is recorded as collected is what it says."""
    collected = {r.job_id: r for r in lane.ledger.history(key) if isinstance(r, Collected)}
    for job in lane.emulator.jobs():
        ours = job.name.startswith(key[:16])
        ids = {job.id, job.request.get("finetune_id", job.id)}
        if ours and job.status in _WEIGHTS_EXIST and ids.isdisjoint(collected):
            yield Finding("lost weights", f"job {job.id} ({job.name}) is {job.status} and was not collected")
    for record in collected.values():
        if record.weights is None and record.sha256 is None and lane.account == "bfl":
            continue  # it hands out no weights: the id is the model
        try:
            content = lane.ledger.store.read(record.weights or "nowhere")
        except ObjectNotFound:
            yield Finding("lost weights", f"{record.weights} is recorded and not in the store")
        else:
            if hashlib.sha256(content).hexdigest() != record.sha256:
                yield Finding("lost weights", f"{record.weights} is not what was recorded")


def _limits(lane: Lane, case: Case, runs: list[RunRecord]) -> Iterator[Finding]:
    """No more trainings on one day than the account may spend, but for those that a person has let through."""
    most = case.story.limits.trainings_per_day if case.story.limits else None
    if most is None:
        return
    records = [record for key in {run.key for run in runs} for record in lane.ledger.history(key)]
    approved = {record.name for record in records if isinstance(record, Claimed) and record.approval}
    days = Counter(
        datetime.fromtimestamp(entry.time, UTC).date()
        for entry in lane.billing()
        if entry.kind == "training" and entry.name not in approved
    )
    for day, times in days.items():
        if times > most:
            yield Finding("limit", f"{times} trainings were paid for on {day}, and {most} are allowed")


def _champions(ledger: Ledger, model: str) -> Iterator[Finding]:
    """One line of champions without a gap, in which no version stands twice, each with its weights."""
    line = ledger.promotions(model)
    versions = Counter((promotion.key, promotion.attempt) for promotion in line)
    for (key, attempt), times in versions.items():
        if times > 1:
            yield Finding("champion", f"{job_name(key, attempt)} was promoted {times} times")
    for place, promotion in enumerate(line, start=1):
        if promotion.number != place:
            yield Finding("champion", f"promotion {promotion.number} stands at place {place}")
        ends = [r for r in ledger.history(promotion.key) if r.attempt == promotion.attempt]
        if not isinstance(ends[-1], Collected) or ends[-1].sha256 != promotion.sha256:
            yield Finding("champion", f"promotion {place} is not of the weights that were collected")


def _markers(lane: Lane) -> Iterator[Finding]:
    if left := [marker.name for marker in lane.ledger.markers()]:
        yield Finding("stuck", f"markers are left: {', '.join(left)}")


def trace_of(ledger: Ledger) -> Iterator[str]:
    """Every training's states in order, and the names of decisions, promotions and markers."""
    for key in sorted({name.split("/")[1] for name in ledger.store.names("trainings/")}):
        try:
            steps = [f"{record.state} (g{record.attempt})" for record in ledger.history(key)]
        except TuneloopError as error:
            steps = [str(error)]
        yield f"{key[:16]}: {' -> '.join(steps)}"
    yield from ledger.store.names("models/")
    yield from ledger.store.names("inflight/")

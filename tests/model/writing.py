"""Creating a record, and writing down a job's id: what runs, ticks and persons do alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import (
    ENDS,
    NOBODY,
    Process,
    Record,
    State,
    append,
    become,
    illegal_step,
    with_job,
    with_run,
)

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State]]


def at_rest(me: Process, step: str) -> Process:
    """The process as one that knows nothing any more but its run."""
    return Process(me.kind, me.run, step, me.generation, only_collects=me.only_collects)


def going_to_write(world: Training, state: State, me: Process, record: str, job: int = NOBODY) -> State:
    """Decide on a record; it is created in another step."""
    if not world.rules.marker_until_the_end and record in ENDS and me.kind == "run":
        state = with_run(state, me.run, state.runs[me.run]._replace(marked=False))
    then = me._replace(step="writes", writes=record, left=0, job=job, seen=NOBODY, ripe=False)
    return become(state, me, then)


def reads_again(state: State, me: Process) -> State:
    """Go back to the ledger: a run reads it, a tick leaves that to the next one."""
    if me.kind != "run":
        return become(state, me)
    return become(state, me, at_rest(me, "reads"))


def write_record(world: Training, state: State, me: Process) -> Steps:
    late = not me.current and world.rules.compare_and_set
    if late or illegal_step(state.log, me.generation, me.writes):
        if me.writes == "submitted":
            yield (
                "has lost the race for the next record",
                become(state, me, me._replace(step="has the id", writes="")),
            )
        else:
            yield "has lost the race for the next record", reads_again(state, me)
        return
    for record in _records(world, state, me):
        written = append(state, me.generation, record)
        # Whoever has read before is out of date now, this process as it was included.
        it = me._replace(current=False, ripe=False)
        if record.state == "claimed":
            left = max(0, record.left - world.take_over_after + world.may_send)
            then = it._replace(step="submits", writes="", current=True, left=left)
            yield _claim_label(record), become(written, it, then)
        elif me.kind == "tick" and me.writes == "abandoned":
            then = at_rest(me, "deletes the marker")
            yield "writes abandoned (never claimed)", become(written, it, then)
        else:
            yield f"writes {record.state}", reads_again(written, it)


def _records(world: Training, state: State, me: Process) -> list[Record]:
    before = state.log[me.generation - 1] or Record("")
    rules = world.rules
    if me.writes == "claimed":
        claim = Record("claimed", me.run, approved=before.doubted, doubted=before.doubted)
        # The clocks are read before the claim is created: just before, or too long ago.
        return [claim._replace(left=left) for left in (world.take_over_after, 0)]
    if me.writes == "rejected" and before.doubted and rules.refusal_keeps_the_doubt:
        # All is as it was before the approval: one submit may have been accepted, and a person may approve again.
        return [Record("held", doubted=True)]
    job = me.job if me.writes == "submitted" else before.job
    doubted = before.doubted or me.writes == "held"
    keeps_doubt = {"abandoned": rules.doubt_counts_as_paid, "failed": rules.failure_keeps_the_doubt}
    paid = doubted and keeps_doubt.get(me.writes, False)
    return [Record(me.writes, job=job, paid=paid, approved=before.approved, doubted=doubted)]


def _claim_label(record: Record) -> str:
    return "claims" if record.left else "claims, with clocks read long ago"


def write_id(world: Training, state: State, me: Process) -> Steps:
    """Write a job's id over whatever claim stands, or report that another job has taken its place."""
    record = state.log[me.generation - 1]
    unnamed = record is not None and record.state in {"claimed", "held"}
    if unnamed and (world.rules.id_over_claim_and_held or me.current):
        then = me._replace(step="writes", writes="submitted", current=True, left=0, seen=NOBODY, ripe=False)
        yield "reads that no job is named yet", become(state, me, then)
    elif unnamed or (record is not None and record.job == me.job):
        yield "reads that this is settled", reads_again(state, me)
    else:
        job = state.jobs[me.job]._replace(reported=True)
        yield "reports a double payment", reads_again(with_job(state, me.job, job), me)

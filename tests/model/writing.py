"""Creating a record, and writing down a job's id: what runs, ticks and persons do alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import (
    NOBODY,
    REVIVES,
    Process,
    Record,
    State,
    append,
    become,
    illegal_step,
    with_job,
    with_run,
)
from tests.model.whereabouts import is_followed
from tuneloop.schemas.records import ENDS

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State]]


def at_rest(me: Process, step: str) -> Process:
    """The process as one that knows nothing any more but its run."""
    return Process(
        me.kind,
        me.run,
        step,
        me.attempt,
        only_collects=me.only_collects,
        stranger=me.stranger,
        off=me.off,
    )


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
    if late or illegal_step(state.log, me.attempt, me.writes):
        if me.writes == "submitted":
            yield (
                "has lost the race for the next record",
                become(state, me, me._replace(step="has the id", writes="")),
            )
        else:
            yield "has lost the race for the next record", reads_again(state, me)
        return
    if me.writes == "claimed" and me.off and world.rules.clocks_are_compared:
        yield "compares the clocks, and claims nothing", become(state, me)
        return
    for record, may_send in _records(world, state, me):
        written = append(_marked_again(world, state, me), me.attempt, record)
        # Whoever has read before is out of date now, this process as it was included.
        it = me._replace(current=False, ripe=False)
        if record.state == "claimed":
            then = it._replace(step="submits", writes="", current=True, left=may_send)
            yield _claim_label(may_send), become(written, it, then)
        elif me.kind == "tick" and me.writes == "abandoned":
            then = at_rest(me, "deletes the marker")
            yield "writes abandoned (never claimed)", become(written, it, then)
        else:
            yield f"writes {record.state}", reads_again(written, it)


def _marked_again(world: Training, state: State, me: Process) -> State:
    """Create the marker just after the record that brings a training back to life.

    What is left over is a kill between the two, while the run deletes its marker in the same moment.
    """
    before = state.log[me.attempt - 1]
    revives = me.writes == "submitted" and before is not None and before.state in REVIVES
    if not revives or not world.rules.marked_when_it_revives:
        return state
    return with_run(state, me.run, state.runs[me.run]._replace(marked=True))


def _records(world: Training, state: State, me: Process) -> list[tuple[Record, int]]:
    """The record that comes next, and how long its process may send."""
    before = state.log[me.attempt - 1] or Record("", wished=state.runs[me.run].wished)
    rules = world.rules
    if me.writes == "claimed":
        return _claims(world, before, me)
    if me.writes == "rejected" and before.doubted and rules.refusal_keeps_the_doubt:
        # All is as it was before the approval: one submit may have been accepted, and a person may approve again.
        return [(Record("held", doubted=True, claims=before.claims, wished=before.wished), 0)]
    job = me.job if me.writes == "submitted" else before.job
    doubted = before.doubted or (me.writes == "held" and job == NOBODY)
    keeps_doubt = {"abandoned": rules.doubt_counts_as_paid, "failed": rules.failure_keeps_the_doubt}
    paid = doubted and keeps_doubt.get(me.writes, False)
    paid = paid or (me.writes == "abandoned" and job != NOBODY and before.state not in REVIVES)
    # What was refused may be listed after all, as long as its margins have not passed.
    left = before.left if me.writes == "rejected" and world.lies else 0
    after = Record(me.writes, left=left, job=job, paid=paid, approved=before.approved, doubted=doubted)
    open_again = me.writes == "held" and job == NOBODY
    return [(after._replace(wished=before.wished, claims=before.claims if open_again else 0), 0)]


def _claims(world: Training, before: Record, me: Process) -> list[tuple[Record, int]]:
    claim = Record("claimed", me.run, approved=before.doubted, doubted=before.doubted, wished=before.wished)
    claim = claim._replace(claims=before.claims if before.doubted else before.claims + 1)
    # The clocks are read before the claim is created: just before, or too long ago. Who is behind writes a moment
    # that comes too early for the others.
    in_time = claim._replace(left=max(0, world.take_over_after + min(0, me.off)))
    return [(in_time, world.may_send), (claim, 0)]


def _claim_label(may_send: int) -> str:
    return "claims" if may_send else "claims, with clocks read long ago"


def write_id(world: Training, state: State, me: Process) -> Steps:
    """Write a job's id over whatever claim stands, or report that another job has taken its place."""
    record = state.log[me.attempt - 1]
    if not illegal_step(state.log, me.attempt, "submitted") and _is_unnamed(world, state, me, record):
        if record is None or record.state in REVIVES or world.rules.id_over_claim_and_held or me.current:
            then = me._replace(step="writes", writes="submitted", current=True, left=0, seen=NOBODY, ripe=False)
            yield "reads that no job is named yet", become(state, me, then)
        else:
            yield "reads that this is settled", reads_again(state, me)
    elif is_followed(state, me.job) or record is None or me.job == record.job or record.state == "claimed":
        yield "reads that this is settled", reads_again(state, me)
    else:
        job = state.jobs[me.job]._replace(reported=True)
        yield "reports a double payment", reads_again(with_job(state, me.job, job), me)


def _is_unnamed(world: Training, state: State, me: Process, record: Record | None) -> bool:
    """Tell whether a job's id may be written here."""
    if record is None:
        return not is_followed(state, me.job)
    if record.state == "held":
        # Where its job is lost, somebody may have found that one, and no other.
        return record.job in {NOBODY, me.job}
    if record.state in REVIVES:
        return world.rules.bad_end_revives and state.jobs[me.job].phase != "failed"
    # Whoever has claimed since another attempt's job was found is about to submit.
    own = state.jobs[me.job].attempt == me.attempt or not world.rules.found_before_it_is_claimed
    return record.state == "claimed" and (own or me.current)

"""The steps of a sensor tick at one marker. A tick never submits, and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.model.lists import shown
from tests.model.run_steps import delete_marker
from tests.model.state import NOBODY, REVIVES, SHOWN, Process, Record, State, become, ended_unpaid
from tests.model.writing import going_to_write

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State]]


def start_list(world: Training, state: State, me: Process) -> Steps:
    """List before the ledger is read: what counts is whether the claim was ripe when the list was started."""
    for label, seen, ripe in shown(world, state, me):
        yield label, become(state, me, me._replace(step="reads", seen=seen, ripe=ripe))


def read(world: Training, state: State, me: Process) -> Steps:
    record = state.log[me.attempt - 1]
    me_now = me._replace(current=True)
    here = become(state, me, me_now)
    if record is None and _has_come_to_life(world, state, me):
        then = me_now._replace(step="deletes the marker", current=False, seen=NOBODY, ripe=False)
        yield "reads that the attempt before is not without a bill", become(here, me_now, then)
    elif record is None:
        yield from _fence(world, here, me_now)
    elif _can_be_named(world, state, me, record):
        then = me_now._replace(step="has the id", job=me.seen, seen=NOBODY, ripe=False)
        yield f"reads {record.state}, and has found job {me.seen}", become(here, me_now, then)
    elif record.state == "claimed" and _ripe(world, me, record) and not _may_claim_again(world):
        yield "reads claimed, does not find the job, and holds", going_to_write(world, here, me_now, "held")
    elif record.state == "submitted" and _has_ended(world, state, me, record):
        phase = state.jobs[record.job].phase
        yield f"reads submitted; the job has {phase}", going_to_write(world, here, me_now, phase)
    else:
        yield f"reads {record.state}, and leaves it", become(here, me_now)


def _has_come_to_life(world: Training, state: State, me: Process) -> bool:
    """Tell whether the attempt before turned out not to be without a bill, so that no run begins this one."""
    before = state.log[me.attempt - 2] if me.attempt > 1 else None
    alive = before is not None and not ended_unpaid(before)
    return alive and not state.runs[me.run].wished and world.rules.no_fence_after_a_bill


def _fence(world: Training, state: State, me: Process) -> Steps:
    if world.rules.fence_before_unmarking:
        yield "reads that nothing is claimed", going_to_write(world, state, me, "abandoned")
    else:
        then = me._replace(step="deletes the marker", current=False, seen=NOBODY)
        yield "reads that nothing is claimed", become(state, me, then)


def _ripe(world: Training, me: Process, record: Record) -> bool:
    return me.ripe if world.rules.list_after_the_margins else record.left == 0


def _may_claim_again(world: Training) -> bool:
    return world.trusted or not world.rules.held_where_untrusted


def _can_be_named(world: Training, state: State, me: Process, record: Record) -> bool:
    """Tell whether the list has shown a job where the ledger has none, or none that came to anything."""
    if me.seen == NOBODY:
        return False
    if record.state in REVIVES and not any(state.log[me.attempt :]):
        return world.rules.bad_end_revives and state.jobs[me.seen].phase != "failed"
    return record.state == "claimed" or (record.state == "held" and record.job == NOBODY)


def _has_ended(world: Training, state: State, me: Process, record: Record) -> bool:
    """Tell whether the list shows the recorded job, and as ended."""
    job = state.jobs[record.job]
    shows = job.hidden == SHOWN if world.rules.id_once_known else me.seen == record.job
    return shows and job.phase in {"trained", "failed"}


STEPS: dict[str, Callable[[Training, State, Process], Steps]] = {
    "lists": start_list,
    "reads": read,
    "deletes the marker": delete_marker,
}

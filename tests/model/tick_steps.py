"""The steps of a sensor tick at one marker. A tick never submits, and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.model.provider_steps import seen_jobs
from tests.model.run_steps import delete_marker
from tests.model.state import NOBODY, Process, Record, State, become
from tests.model.writing import going_to_write

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State]]


def start_list(world: Training, state: State, me: Process) -> Steps:
    """List before the ledger is read: what counts is whether the claim was ripe when the list was started."""
    record = state.log[me.generation - 1]
    ripe = record is not None and record.state == "claimed" and record.left == 0
    for seen in seen_jobs(world, state, me.generation):
        yield "asks for the list", become(state, me, me._replace(step="reads", seen=seen, ripe=ripe))


def read(world: Training, state: State, me: Process) -> Steps:
    record = state.log[me.generation - 1]
    me_now = me._replace(current=True)
    here = become(state, me, me_now)
    if record is None:
        yield from _fence(world, here, me_now)
    elif record.state in {"claimed", "held"} and me.seen != NOBODY:
        then = me_now._replace(step="has the id", job=me.seen, seen=NOBODY, ripe=False)
        yield f"reads {record.state}, and has found job {me.seen}", become(here, me_now, then)
    elif record.state == "claimed" and _ripe(world, me, record) and not _may_claim_again(world):
        yield "reads claimed, does not find the job, and holds", going_to_write(world, here, me_now, "held")
    elif record.state == "submitted" and _has_ended(state, me, record):
        phase = state.jobs[record.job].phase
        yield f"reads submitted; the job has {phase}", going_to_write(world, here, me_now, phase)
    else:
        yield f"reads {record.state}, and leaves it", become(here, me_now)


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


def _has_ended(state: State, me: Process, record: Record) -> bool:
    """Tell whether the list has shown the recorded job, and as ended."""
    return me.seen == record.job and state.jobs[me.seen].phase != "running"


STEPS: dict[str, Callable[[Training, State, Process], Steps]] = {
    "lists": start_list,
    "reads": read,
    "deletes the marker": delete_marker,
}

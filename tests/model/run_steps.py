"""The steps of a run's process, from its run file to the deletion of its marker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.model.lists import shown
from tests.model.provider_steps import accept
from tests.model.state import (
    NOBODY,
    SHOWN,
    Post,
    Process,
    Record,
    State,
    become,
    chosen_attempt,
    ended_unpaid,
    with_run,
)
from tests.model.writing import at_rest, going_to_write, reads_again
from tuneloop.schemas.records import ENDS

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State]]


def choose(world: Training, state: State, me: Process) -> Steps:
    attempt = chosen_attempt(state.log)
    if attempt > world.attempts:
        yield "sees too many bad ends and gives up", become(state, me)
    else:
        then = me._replace(step="writes its run file", attempt=attempt)
        yield f"chooses attempt {attempt}", become(state, me, then)
    last = state.log[attempt - 1] if attempt <= world.attempts else None
    if world.wishes and attempt < world.attempts and last is not None and last.state in ENDS:
        wished = with_run(state, me.run, state.runs[me.run]._replace(wished=True))
        then = me._replace(step="writes its run file", attempt=attempt + 1)
        yield f"chooses attempt {attempt + 1}, on request", become(wished, me, then)


def write_run_file(world: Training, state: State, me: Process) -> Steps:
    run = state.runs[me.run]
    first_wins = run.attempt and world.rules.run_file_once
    attempt = run.attempt if first_wins else me.attempt
    state = with_run(state, me.run, run._replace(attempt=attempt))
    first = "leaves its marker" if world.rules.marker_before_claim else "reads"
    yield f"works on attempt {attempt}", become(state, me, me._replace(step=first, attempt=attempt))


def leave_marker(_: Training, state: State, me: Process) -> Steps:
    marked = with_run(state, me.run, state.runs[me.run]._replace(marked=True))
    yield "leaves its marker", become(marked, me, me._replace(step="reads"))


def read(world: Training, state: State, me: Process) -> Steps:
    record = state.log[me.attempt - 1]
    label = f"reads {record.state if record else 'that nothing is claimed'}"
    me_now = me._replace(current=True)
    here = become(state, me, me_now)
    if world.accounts and world.rules.one_origin and state.origin not in {NOBODY, int(me.stranger)}:
        yield "is refused: its label leads to another account", become(state, me)
    elif record is None:
        yield label, _begin(world, here, me_now)
    elif record.state == "claimed":
        if record.run == me.run and record.left and not world.rules.claim_of_one_process:
            left = max(0, record.left - world.take_over_after + world.may_send)
            yield f"{label}, by this run", become(here, me_now, me_now._replace(step="submits", left=left))
        yield label, become(here, me_now, me_now._replace(step="lists"))
    elif record.state == "submitted":
        yield from _ask_for_the_job(world, here, me_now, record)
    elif record.state == "trained":
        yield from _collect(world, here, me_now, record)
    elif record.state == "held":
        yield f"{label}, leaves it to a person and the sensor", _leave(world, here, me_now)
    elif record.state == "rejected" and _is_doubtful(world):
        yield f"{label}, and looks once more", become(here, me_now, me_now._replace(step="lists"))
    else:
        yield label, become(here, me_now, at_rest(me, "deletes the marker"))


def _begin(world: Training, state: State, me: Process) -> State:
    """Look for jobs before the first claim of an attempt."""
    before = state.log[me.attempt - 2] if me.attempt > 1 else None
    alive = before is not None and not ended_unpaid(before)
    allowed = state.runs[me.run].wished and before is not None and before.state in ENDS
    if alive and not allowed and world.rules.attempt_before_is_read_again:
        # The run ends: what it waits for is the business of the runs of that attempt.
        return become(state, me, at_rest(me, "deletes the marker"))
    if me.only_collects and world.rules.cancelled_only_collects:
        return _leave(world, state, me)
    if world.accounts and state.origin == NOBODY:
        state = state._replace(origin=int(me.stranger))
    return look_and_claim(world, state, me)


def look_and_claim(world: Training, state: State, me: Process) -> State:
    if world.rules.look_before_claim:
        return become(state, me, me._replace(step="lists", writes="claimed"))
    return going_to_write(world, state, me, "claimed")


def _collect(world: Training, state: State, me: Process, record: Record) -> Steps:
    if state.jobs[record.job].phase != "gone":
        yield "reads trained, collects the weights", going_to_write(world, state, me, "collected")
    elif world.rules.lost_is_held:
        yield "reads trained, gets no weights for days", going_to_write(world, state, me, "held")
    else:
        yield "reads trained, and gets no weights", _leave(world, state, me)


def _leave(world: Training, state: State, me: Process) -> State:
    """Suspend: the sensor finds the run by its marker."""
    if not world.rules.marker_before_claim:
        state = with_run(state, me.run, state.runs[me.run]._replace(marked=True))
    return become(state, me)


def _ask_for_the_job(world: Training, state: State, me: Process, record: Record) -> Steps:
    """Ask for the job by its id, which a list that lacks the job does not prevent."""
    job = state.jobs[record.job]
    if job.hidden != SHOWN:
        yield "reads submitted; the provider does not know the job yet", _leave(world, state, me)
        if not world.rules.missing_is_no_evidence:
            yield "takes the missing job for failed", going_to_write(world, state, me, "failed")
    if not job.named and not world.rules.id_once_known:
        yield "reads submitted; no job has its name", _leave(world, state, me)
    elif job.phase == "gone":
        after = going_to_write(world, state, me, "held") if world.rules.lost_is_held else _leave(world, state, me)
        yield "reads submitted; the job is gone for days", after
    elif job.phase == "running":
        yield "reads submitted; the job still runs", _leave(world, state, me)
    else:
        yield f"reads submitted; the job has {job.phase}", going_to_write(world, state, me, job.phase)


def start_list(world: Training, state: State, me: Process) -> Steps:
    """Start a list call: it shows what there is now, and is judged later."""
    for label, seen, ripe in shown(world, state, me):
        yield label, become(state, me, me._replace(step="judges", seen=seen, ripe=ripe))


def judge_list(world: Training, state: State, me: Process) -> Steps:
    record = state.log[me.attempt - 1]
    ripe = me.ripe
    claimed = record is not None and record.state == "claimed"
    if not world.rules.list_after_the_margins and claimed:
        ripe = me.current and record is not None and record.left == 0
    if me.seen != NOBODY:
        then = me._replace(step="has the id", writes="", job=me.seen, seen=NOBODY, ripe=False)
        yield f"finds job {me.seen} in the list", become(state, me, then)
    elif not ripe:
        yield "does not find the job, and leaves", _leave(world, state, me)
    elif me.writes:
        yield "finds nothing", going_to_write(world, state, me, me.writes)
    elif not claimed:
        yield "finds nothing", become(state, me, at_rest(me, "deletes the marker"))
    elif not world.trusted and world.rules.held_where_untrusted:
        yield "does not find the job, and holds", going_to_write(world, state, me, "held")
    elif me.only_collects and world.rules.cancelled_only_collects:
        yield "does not find the cancelled run's job", going_to_write(world, state, me, "abandoned")
    elif _was_doubted_before(world, record):
        yield "does not find the job for the second time, and holds", going_to_write(world, state, me, "held")
    else:
        yield "does not find the job after all margins", going_to_write(world, state, me, "claimed")


def _was_doubted_before(world: Training, record: Record | None) -> bool:
    return record is not None and record.claims > 1 and world.rules.second_doubt_is_held


def submit(world: Training, state: State, me: Process) -> Steps:
    """Look at the clocks and send the last byte, or not."""
    if me.only_collects:
        yield "submits for a cancelled run", state._replace(fault="a cancelled run has submitted")
    elif me.left or not world.rules.last_byte_before_deadline:
        sent = me._replace(step="awaits the answer", left=world.in_transit)
        yield "sends the last byte", become(state, me, sent)
        if not world.rules.silence_is_looked_up:
            again = become(state, me, sent)
            yield "sends the last byte, hears nothing and sends again", _with_post(again, sent)
    else:
        yield "is too late to send the last byte", going_to_write(world, state, me, "rejected")


def await_answer(world: Training, state: State, me: Process) -> Steps:
    accepted, number = accept(world, state, me.attempt, me.run, told=True, stranger=me.stranger)
    has_it = me._replace(step="has the id", left=0, job=number)
    yield f"is told that job {number} is accepted", become(accepted, me, has_it)
    if world.refuses:
        yield "is refused", _refused(world, state, me)
    if world.lies:
        taken, number = accept(world, state, me.attempt, me.run, stranger=me.stranger)
        yield f"is refused, although job {number} is accepted", _refused(world, taken, me)
    yield "hears nothing, and nothing has arrived", reads_again(state, me)
    yield "hears nothing, what it has sent is on its way", reads_again(_with_post(state, me), me)


def _is_doubtful(world: Training) -> bool:
    rules = world.rules
    return world.lies and rules.refusal_is_looked_up and rules.refusal_outlasts_its_margins


def _refused(world: Training, state: State, me: Process) -> State:
    if world.lies and world.rules.refusal_is_looked_up:
        return become(state, me, me._replace(step="lists", writes="rejected", left=0))
    return going_to_write(world, state, me, "rejected")


def _with_post(state: State, me: Process) -> State:
    post = Post(me.attempt, me.run, me.left, me.stranger)
    return state._replace(posts=tuple(sorted((*state.posts, post))))


def delete_marker(world: Training, state: State, me: Process) -> Steps:
    """Delete the marker, read once more, and create it again where the training has come to life meanwhile."""
    record = state.log[me.attempt - 1]
    if world.rules.marked_when_it_revives and record is not None and record.state not in ENDS:
        yield "deletes its marker, and creates it again", become(state, me)
        return
    yield "deletes its marker", become(with_run(state, me.run, state.runs[me.run]._replace(marked=False)), me)


STEPS: dict[str, Callable[[Training, State, Process], Steps]] = {
    "chooses": choose,
    "writes its run file": write_run_file,
    "leaves its marker": leave_marker,
    "reads": read,
    "lists": start_list,
    "judges": judge_list,
    "submits": submit,
    "awaits the answer": await_answer,
    "deletes the marker": delete_marker,
}

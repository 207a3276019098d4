"""The steps of processes that need a budget slot before they may submit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.model.budget_state import (
    FAILED_IN_DOUBT,
    GIVEN_UP,
    GIVEN_UP_IN_DOUBT,
    HELD,
    HELD_FOR_ATTEMPTS,
    IN_DOUBT,
    IN_TRANSIT,
    MAY_SEND,
    PAID,
    RIPE,
    UNPAID,
    WAITING,
    Process,
    Slot,
    State,
    Training,
    append,
    become,
    with_job,
    with_training,
)

if TYPE_CHECKING:
    from tests.model.budget import Budget

Steps = Iterator[tuple[str, State]]
LETTERS = "ABC"


def steps(world: Budget, state: State) -> Iterator[tuple[str, State, bool]]:
    for process in dict.fromkeys(state.processes):
        name = f"process of {LETTERS[process.training]}"
        for label, after in STEPS[process.step](world, state, process):
            yield f"{name}: {label}", after, True
        yield f"{name}: killed", become(state, process), False
    for number, training in enumerate(state.trainings):
        mine = sum(process.training == number for process in state.processes)
        if len(state.processes) < world.processes and mine < world.each:
            begun = tuple(sorted((*state.processes, Process(number, "reads"))))
            # Only what has a record has a marker, by which the sensor wakes it.
            woken = bool(training.record)
            yield f"a process of {LETTERS[number]} starts", state._replace(processes=begun), woken
            for label, after in _decisions(world, state, number):
                yield f"a person {label} {LETTERS[number]}", after, False
        yield from _without_a_process(state, number)


def _without_a_process(state: State, number: int) -> Iterator[tuple[str, State, bool]]:
    training = state.trainings[number]
    for which, job in enumerate(training.jobs):
        for then in {"sent": ("accepted",), "accepted": ("trained", "failed")}.get(job, ()):
            after = with_training(state, number, with_job(training, which, then))
            yield f"provider: job {which + 1} of {LETTERS[number]} is {then}", after, True
    if training.age != RIPE and not (training.age == IN_TRANSIT and "sent" in training.jobs):
        yield f"time passes for {LETTERS[number]}", _aged(state, number), True


def _decisions(world: Budget, state: State, number: int) -> Steps:
    """Decide on what was read; it is written later."""
    training = state.trainings[number]
    if training.record not in WAITING:
        return
    counts = training.record == IN_DOUBT and world.rules.doubt_counts_as_paid
    choices = {"gives up": GIVEN_UP_IN_DOUBT if counts else GIVEN_UP} if world.decides else {}
    if world.decides and training.record == IN_DOUBT and not training.jobs[1]:
        # As in the other world, only while a single submit is in doubt.
        choices["approves another submit of"] = "claimed"
    elif world.approves and training.record != IN_DOUBT:
        choices[f"approves, as it is {training.record},"] = "claimed"
    for label, record in choices.items():
        click = Process(number, "writes", training.attempt, writes=record, current=True)
        yield label, state._replace(processes=tuple(sorted((*state.processes, click))))


def _aged(state: State, number: int) -> State:
    training = state.trainings[number]
    processes = sorted(p._replace(may_send=False) if p.training == number else p for p in state.processes)
    aged = with_training(state, number, training._replace(age=training.age - 1))
    return aged._replace(processes=tuple(processes))


def read(world: Budget, state: State, me: Process) -> Steps:
    training = state.trainings[me.training]
    label = f"reads {training.record or 'nothing'}"
    now = me._replace(attempt=training.attempt, current=True, step="writes")
    if not training.record:
        yield label, become(state, me, now._replace(writes="claimed"))
    elif training.record in UNPAID and training.attempt < world.attempts:
        next_one = now._replace(writes="claimed", attempt=training.attempt + 1)
        yield label, become(state, me, next_one)
    elif training.record in {"claimed", IN_DOUBT}:
        yield from _look_for_the_job(world, state, me, now)
    elif training.record == "submitted" and (job := training.jobs[training.followed]) in {"trained", "failed"}:
        keeps_doubt = training.doubted and world.rules.failure_keeps_the_doubt
        failed = FAILED_IN_DOUBT if keeps_doubt else "failed"
        end = "collected" if job == "trained" else failed
        yield f"{label}, the job has {job}", become(state, me, now._replace(writes=end))
    else:
        yield f"{label}, and leaves", become(state, me)


def _look_for_the_job(world: Budget, state: State, me: Process, now: Process) -> Steps:
    training = state.trainings[me.training]
    label = f"reads {training.record}"
    there = [which for which, job in enumerate(training.jobs) if job in {"accepted", "trained", "failed"}]
    for which in there:
        yield f"{label}, finds job {which + 1}", become(state, me, now._replace(writes="submitted", job=which))
    if there and world.trusted:
        return
    if training.record == "claimed" and training.age == RIPE:
        then = "claimed" if world.trusted else IN_DOUBT
        yield f"{label}, finds no job", become(state, me, now._replace(writes=then))
    else:
        yield f"{label}, and leaves", become(state, me)


def write(world: Budget, state: State, me: Process) -> Steps:
    if world.rules.compare_and_set and not me.current:
        yield "has lost the race for the next record", become(state, me)
        return
    before = state.trainings[me.training]
    if me.writes != "claimed":
        followed = me.job if me.writes == "submitted" else before.followed
        doubted = before.doubted or me.writes == IN_DOUBT
        after = before._replace(record=me.writes, age=RIPE, followed=followed, doubted=doubted)
        written = append(state, me.training, after)
        yield f"writes {me.writes}", become(written, me._replace(current=False))
        return
    claimed = append(state, me.training, _claim(world, before, me.attempt))
    first = "reserves" if world.rules.slot_before_submit else "submits"
    then = me._replace(step=first, writes="", may_send=True)
    yield f"claims attempt {me.attempt}", become(claimed, me._replace(current=False), then)


def _claim(world: Budget, before: Training, attempt: int) -> Training:
    if before.attempt == attempt:
        return before._replace(record="claimed", age=MAY_SEND, waived=_waived(world, before))
    may_be_paid = any(job == "sent" or job in PAID for job in before.jobs)
    return Training(attempt, "claimed", MAY_SEND, left_behind=before.left_behind or may_be_paid)


def _waived(world: Budget, before: Training) -> tuple[str, ...]:
    """What a claim is let through: an approval adds to those before it in the same attempt."""
    if before.record not in WAITING:
        return before.waived
    earlier = before.waived if world.rules.approvals_add_up else ()
    return tuple(sorted({*earlier, before.record}))


def reserve(world: Budget, state: State, me: Process) -> Steps:
    """Find the slot that the training has, or count what is taken."""
    live = sum(not slot.released for slot in state.slots)
    mine = any(
        slot.training == me.training and (slot.attempt == me.attempt or not world.rules.slot_of_one_attempt)
        for slot in state.slots
    )
    waived = state.trainings[me.training].waived
    names = HELD in waived or (bool(waived) and not world.rules.approval_waives_what_it_names)
    if world.approves and HELD_FOR_ATTEMPTS not in waived and not mine:
        held = me._replace(step="writes", writes=HELD_FOR_ATTEMPTS, audited=False)
        yield "sees too many bad ends", become(state, me, held)
    elif mine and world.rules.slot_reused:
        yield "finds its slot", become(state, me, me._replace(step="submits", audited=False))
    elif live < 1 or names:
        then = me._replace(step="takes a slot", slot=len(state.slots), audited=False)
        yield f"counts {live} of 1", become(state, me, then)
    elif me.audited:
        yield "counts 1 of 1 again", become(state, me, me._replace(step="writes", writes=HELD, audited=False))
    else:
        yield "counts 1 of 1", become(state, me, me._replace(step="audits"))


def take_slot(world: Budget, state: State, me: Process) -> Steps:
    if world.rules.slot_after_the_last and len(state.slots) != me.slot:
        yield "has lost the race for the next slot", become(state, me, me._replace(step="reserves", slot=0))
        return
    slots = (*state.slots, Slot(me.training, me.attempt))
    then = me._replace(step="submits", slot=0)
    yield f"takes slot {len(slots)}", become(state._replace(slots=slots), me, then)


def audit(world: Budget, state: State, me: Process) -> Steps:
    """Look for a slot whose training has ended unpaid."""
    done = me._replace(step="reserves", slot=0, audited=True)
    for number, slot in enumerate(state.slots):
        training = state.trainings[slot.training]
        ended = training.record in UNPAID or training.attempt > slot.attempt
        guessed = not world.rules.release_after_unpaid_end and training.record == "claimed"
        if not slot.released and (ended or guessed):
            then = me._replace(step="releases", slot=number)
            yield f"reads that nothing was paid for slot {number + 1}", become(state, me, then)
            return
    yield "audits in vain", become(state, me, done)


def release(_: Budget, state: State, me: Process) -> Steps:
    slots = list(state.slots)
    slots[me.slot] = slots[me.slot]._replace(released=True)
    then = me._replace(step="reserves", slot=0, audited=True)
    yield f"releases slot {me.slot + 1}", become(state._replace(slots=tuple(slots)), me, then)


def submit(world: Budget, state: State, me: Process) -> Steps:
    if not me.may_send and world.rules.last_byte_before_deadline:
        yield "is too late to submit", _refused(world, state, me)
        return
    training = state.trainings[me.training]
    which = int(training.doubted)
    at_provider = {
        job: with_training(state, me.training, with_job(training, which, job)) for job in ("accepted", "sent")
    }
    told = me._replace(step="writes", writes="submitted", job=which)
    yield "submits, and is told the job's id", become(at_provider["accepted"], me, told)
    yield "submits, and hears nothing", become(at_provider["sent"], me)
    yield "submits, and nothing arrives", become(state, me)
    yield "submits, and is refused", _refused(world, state, me)


def _refused(world: Budget, state: State, me: Process) -> State:
    """Decide on the end of a submit that came to nothing; the one before an approval may have been accepted."""
    in_doubt = state.trainings[me.training].doubted and world.rules.refusal_keeps_the_doubt
    return become(state, me, me._replace(step="writes", writes=IN_DOUBT if in_doubt else "rejected"))


STEPS: dict[str, Callable[[Budget, State, Process], Steps]] = {
    "reads": read,
    "writes": write,
    "reserves": reserve,
    "takes a slot": take_slot,
    "audits": audit,
    "releases": release,
    "submits": submit,
}

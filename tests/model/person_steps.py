"""What nobody may rely on: starts, kills, and what a person clicks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import NOBODY, Post, Process, Record, Run, State, become, with_job, with_run

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State, bool]]
LETTERS = "ABC"


def steps(world: Training, state: State) -> Steps:
    room = len(state.processes) < world.processes
    for number, run in enumerate(state.runs):
        name = f"run {LETTERS[number]}"
        if room:
            for what, process in newborns(world, state, number):
                yield f"{name}: a process starts{what}", _with(state, process), world.nightly
        if world.nightly and run.attempt and not run.marked and not _has_a_process(state, number):
            yield f"{name} is over, and another run takes its letter", with_run(state, number, Run()), True
        if world.cancels and run.attempt and not run.cancelled:
            yield f"person: cancels {name}", with_run(state, number, run._replace(cancelled=True)), False
        if world.decides and room and run.marked:
            for label, after in _decisions(world, state, number):
                yield label, after, False
    for process in dict.fromkeys(state.processes):
        for label, after in killed(state, process):
            yield f"{described(process)}: {label}", after, False


def newborns(world: Training, state: State, number: int) -> Iterator[tuple[str, Process]]:
    """The new processes that a run can have: on this or that host, with this or that account's key."""
    process = newborn(world, state, number)
    yield "", process
    if world.accounts:
        yield " with another account's key", process._replace(stranger=True)
    if world.drift:
        yield " where the clock is behind", process._replace(off=-world.drift)
        yield " where the clock is ahead", process._replace(off=world.drift)


def _has_a_process(state: State, number: int) -> bool:
    return any(process.run == number for process in state.processes) or any(p.run == number for p in state.posts)


def newborn(world: Training, state: State, number: int) -> Process:
    """A new process of a run: it goes by the run file, where there is one."""
    run = state.runs[number]
    if run.attempt and world.rules.run_file_once:
        first = "leaves its marker" if world.rules.marker_before_claim else "reads"
        return Process("run", number, first, run.attempt, only_collects=run.cancelled)
    return Process("run", number, "chooses", only_collects=run.cancelled)


def described(process: Process) -> str:
    letter = LETTERS[process.run]
    return {"run": f"run {letter}", "tick": f"tick at {letter}", "person": "person"}[process.kind]


def _with(state: State, process: Process) -> State:
    return state._replace(processes=tuple(sorted((*state.processes, process))))


def _decisions(world: Training, state: State, number: int) -> Iterator[tuple[str, State]]:
    """Approve or reject a held training, or name its job. All are decided on what was read, and written later.

    A person approves only while a single submit is in doubt: jobs that are never shown would go on for ever.
    Where the run is cancelled meanwhile, it takes the approval for the end of its training, and sends nothing.
    """
    run = state.runs[number]
    attempt = run.attempt
    record = state.log[attempt - 1]
    if record is None or record.state != "held":
        return
    if record.job != NOBODY:
        yield from _decisions_on_what_is_lost(state, number, record)
        return
    answered = Process("run", number, "writes", attempt, current=True, only_collects=run.cancelled)
    if run.cancelled and world.rules.cancelled_only_collects:
        yield "person: approves another submit, in vain", _with(state, answered._replace(writes="abandoned"))
    elif not record.approved:
        first = "lists" if world.rules.look_before_claim else "writes"
        yield "person: approves another submit", _with(state, answered._replace(step=first, writes="claimed"))
    given_up = Process("person", number, "writes", attempt, writes="abandoned", current=True)
    yield "person: rejects the held training", _with(state, given_up)
    for job in range(len(state.jobs)):
        if state.jobs[job].attempt == attempt:
            # The provider's console may show what its list lacks.
            named = Process("person", number, "has the id", attempt, job=job)
            yield f"person: names job {job}", _with(state, named)


def _decisions_on_what_is_lost(state: State, number: int, record: Record) -> Iterator[tuple[str, State]]:
    """Try once more to get the weights, or give them up; a new run may then be asked to train again."""
    attempt = state.runs[number].attempt
    again = Process("person", number, "has the id", attempt, job=record.job)
    yield "person: tries again", _with(state, again)
    given_up = Process("person", number, "writes", attempt, writes="abandoned", current=True)
    yield "person: gives the lost job up", _with(state, given_up)


def killed(state: State, process: Process) -> Iterator[tuple[str, State]]:
    after = become(state, process)
    if process.step == "awaits the answer":
        post = Post(process.attempt, process.run, process.left, process.stranger)
        yield "killed; what it has sent is lost", after
        yield "killed; what it has sent is on its way", after._replace(posts=tuple(sorted((*after.posts, post))))
        return
    if process.job != NOBODY and not any(other.job == process.job for other in after.processes):
        after = with_job(after, process.job, after.jobs[process.job]._replace(told=False))
    yield "killed", after

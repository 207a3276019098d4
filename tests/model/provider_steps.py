"""What the provider does by itself, and the passing of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import SHOWN, Job, Process, Record, State, with_job

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State, bool]]


def steps(world: Training, state: State) -> Steps:
    for post in dict.fromkeys(state.posts):
        waiting = list(state.posts)
        waiting.remove(post)
        after, number = accept(
            world, state._replace(posts=tuple(waiting)), post.attempt, post.run, stranger=post.stranger
        )
        yield f"provider: accepts job {number} late, nobody hears of it", after, True
    for number, job in enumerate(state.jobs):
        if job.hidden != SHOWN:
            # An untrusted list may show the job at any time, or never: nobody may rely on it.
            yield (
                f"provider: lists job {number}",
                with_job(state, number, job._replace(hidden=SHOWN)),
                world.trusted,
            )
        if job.phase == "running":
            for phase in ("trained", "failed"):
                after = with_job(state, number, job._replace(phase=phase))
                yield f"provider: job {number} has {phase}", after, True
    later = _a_moment_later(world, state)
    if later != state:
        yield "time passes", later, True


def accept(
    world: Training, state: State, attempt: int, run: int, *, told: bool = False, stranger: bool = False
) -> tuple[State, int]:
    """Accept a submit: from now on it is paid."""
    job = Job(attempt, run, hidden=world.show if world.trusted else 0, told=told, stranger=stranger)
    return state._replace(jobs=(*state.jobs, job)), len(state.jobs)


def _a_moment_later(world: Training, state: State) -> State:
    """One tick later; the same state where the provider has to act first, or where nothing would change."""
    late_post = any(post.left == 0 for post in state.posts)
    late_answer = any(p.step == "awaits the answer" and p.left == 0 for p in state.processes)
    late_job = world.trusted and any(job.hidden == 0 for job in state.jobs)
    if late_post or late_answer or late_job:
        return state
    return state._replace(
        log=tuple(record and _aged_record(record) for record in state.log),
        processes=tuple(sorted(_aged_process(process) for process in state.processes)),
        posts=tuple(post._replace(left=post.left - 1) for post in state.posts),
        jobs=tuple(job._replace(hidden=job.hidden - 1) if job.hidden > 0 else job for job in state.jobs),
    )


def _aged_record(record: Record) -> Record:
    return record._replace(left=record.left - 1) if record.left else record


def _aged_process(process: Process) -> Process:
    return process._replace(left=process.left - 1) if process.left else process

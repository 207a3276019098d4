"""What happens to the store, and to jobs, that nobody has wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import NOBODY, SHOWN, Ledger, Run, State, with_job
from tests.model.whereabouts import is_followed

if TYPE_CHECKING:
    from tests.model.training import Training

Steps = Iterator[tuple[str, State, bool]]


def steps(world: Training, state: State) -> Steps:
    if world.unmounts:
        yield from _unmounting(state)
    if world.empties and not state.lost and _is_quiet(state):
        yield "the store is lost, and a person makes another one", _emptied(state), False
    for number, job in enumerate(state.jobs):
        if world.revives and job.phase == "failed" and not job.orphan and _may_revive(state, number):
            running = job._replace(phase="running", orphan=True)
            yield f"provider: job {number} runs again", with_job(state, number, running), False
        if world.renames and job.named and is_followed(state, number):
            yield (
                f"provider: job {number} loses its name",
                with_job(state, number, job._replace(named=False)),
                False,
            )
        if world.loses and job.phase in {"running", "trained"} and not _is_collected(state, number):
            yield f"provider: job {number} is gone", with_job(state, number, job._replace(phase="gone")), False


def _unmounting(state: State) -> Steps:
    if state.away is None and not state.lost:
        empty = Ledger((None,) * len(state.log), tuple(Run(cancelled=run.cancelled) for run in state.runs))
        yield "the store is not mounted: its folder is empty", _swapped(state, empty), False
    elif state.away is not None:
        yield "a person mounts the store", _swapped(state, state.away)._replace(away=None), False


def _swapped(state: State, ledger: Ledger) -> State:
    away = Ledger(state.log, state.runs)
    processes = tuple(sorted(process._replace(current=False, ripe=False) for process in state.processes))
    return state._replace(log=ledger.log, runs=ledger.runs, away=away, lost=True, processes=processes)


def _emptied(state: State) -> State:
    """What nobody has collected by now, and what was, is followed by no record any more."""
    return state._replace(
        log=(None,) * len(state.log),
        runs=(Run(),) * len(state.runs),
        jobs=tuple(job._replace(orphan=True) for job in state.jobs),
        lost=True,
        origin=NOBODY,
    )


def _is_quiet(state: State) -> bool:
    """Nothing is under way, and no wish forgotten: a store that is lost at another moment takes those with it."""
    if any(run.wished for run in state.runs) or any(record and record.wished for record in state.log):
        return False
    return not state.processes and not state.posts and all(job.hidden == SHOWN for job in state.jobs)


def _may_revive(state: State, number: int) -> bool:
    """A job that revives after the next attempt was looked for, or begun, can only be shown to a person."""
    attempt = state.jobs[number].attempt
    return not any(state.log[attempt:]) and not any(p.attempt > attempt for p in state.processes)


def _is_collected(state: State, number: int) -> bool:
    return any(r is not None and r.job == number and r.state == "collected" for r in state.log)

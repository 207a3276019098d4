"""Two trainings and the slots of their account, at one moment."""

from __future__ import annotations

from typing import NamedTuple

HELD, IN_DOUBT, HELD_FOR_ATTEMPTS = "held", "held in doubt", "held for its attempts"
WAITING = frozenset({HELD, IN_DOUBT, HELD_FOR_ATTEMPTS})
GIVEN_UP, GIVEN_UP_IN_DOUBT = "abandoned", "abandoned in doubt"
FAILED_IN_DOUBT = "failed in doubt"
UNPAID = frozenset({"failed", "rejected", GIVEN_UP})
SETTLED = UNPAID | WAITING | {"", GIVEN_UP_IN_DOUBT, FAILED_IN_DOUBT, "collected"}
PAID = frozenset({"accepted", "trained"})
MAY_SEND, IN_TRANSIT, RIPE = 2, 1, 0


class Training(NamedTuple):
    """One training key; its attempts follow each other."""

    attempt: int = 1
    record: str = ""
    """State of the last record; empty for none."""
    age: int = RIPE
    """What has not yet passed of a claim's margins."""
    jobs: tuple[str, str] = ("", "")
    """What the provider has of this attempt: nothing, sent, accepted, trained or failed. The second is one that
    an approval adds: it is a person's own, and has no slot of its own."""
    followed: int = 0
    """Which of the two the record is about, once a job is named."""
    doubted: bool = False
    """Whether it was held in doubt once. Whoever claims it after that has a person's approval."""
    waived: tuple[str, ...] = ()
    """The holds that a person has let its claim through."""
    left_behind: bool = False
    """Whether an earlier attempt has a job that may be paid."""


class Slot(NamedTuple):
    """A reserved place."""

    training: int
    attempt: int
    released: bool = False


class Process(NamedTuple):
    """A living process that works on one training."""

    training: int
    step: str
    attempt: int = 0
    writes: str = ""
    current: bool = False
    """Whether the training's records are still those on which it decided."""
    may_send: bool = False
    """Whether its claim's deadline is still to come."""
    job: int = 0
    """Which of the jobs it is about to name."""
    slot: int = 0
    """How many slots it has counted; or the one that it is about to release."""
    audited: bool = False


class State(NamedTuple):
    """Everything there is."""

    trainings: tuple[Training, ...]
    slots: tuple[Slot, ...] = ()
    processes: tuple[Process, ...] = ()


def become(state: State, before: Process, *after: Process) -> State:
    processes = list(state.processes)
    processes.remove(before)
    return state._replace(processes=tuple(sorted([*processes, *after])))


def with_training(state: State, number: int, training: Training) -> State:
    return state._replace(trainings=(*state.trainings[:number], training, *state.trainings[number + 1 :]))


def with_job(training: Training, which: int, job: str) -> Training:
    first, second = training.jobs
    return training._replace(jobs=(first, job) if which else (job, second))


def append(state: State, number: int, training: Training) -> State:
    """Create the next record. Whoever has read the records before is no longer up to date."""
    processes = [p._replace(current=False) if p.training == number else p for p in state.processes]
    return with_training(state, number, training)._replace(processes=tuple(sorted(processes)))

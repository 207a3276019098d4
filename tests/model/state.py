"""One training key, its runs and the provider, at one moment.

Time is kept as time left, so that the states are finite without a bound on time, claims or kills. For the same
reason an attempt is its last record, and a process remembers not a record's number but whether the records are
still those it has read: creating the next number succeeds exactly then.
"""

from __future__ import annotations

from typing import NamedTuple

from tuneloop.schemas.records import ENDS, NEXT_STATES, UNPAID_FAILURES

REVIVES = ENDS - {"collected"}
"""Ends that may turn out to be none, if the provider shows a job after all."""
FIRST_STATES = frozenset({"claimed", "submitted", "abandoned"})
"""What an attempt may begin with: a claim, a job that was found by the look before it, or the fence before a
marker that no claim followed."""
NOBODY = -1
SHOWN = -1


class Record(NamedTuple):
    """The last record of an attempt."""

    state: str
    run: int = NOBODY
    """Whose claim it is."""
    left: int = 0
    """Time until a claim may be taken over; of a refused one, until its job would be listed after all."""
    job: int = NOBODY
    paid: bool = False
    """Whether an abandoned or failed training counts as paid, since another submit may have been accepted."""
    approved: bool = False
    """Whether a person has let a second submit through that may have been accepted as well as the first."""
    doubted: bool = False
    """Whether it was held once because nobody could tell what had become of its submit."""
    claims: int = 0
    """How often it was claimed without a person."""
    wished: bool = False
    """Whether a person has asked for this attempt, whatever became of the one before."""


class Run(NamedTuple):
    """A flow run: what survives its processes."""

    attempt: int = 0
    """As chosen in the run file; 0 for no file."""
    marked: bool = False
    cancelled: bool = False
    wished: bool = False
    """Whether it gives a reason to train again."""


class Process(NamedTuple):
    """A living process: of a run, of a sensor tick that looks at one marker, or a person's click."""

    kind: str
    run: int
    step: str
    attempt: int = 0
    writes: str = ""
    """State of the record that it is about to create; while it looks, what it writes if it finds nothing."""
    current: bool = False
    """Whether the records are still those on which it decided."""
    left: int = 0
    """Time left for the last byte; once that is sent, time left until it is accepted."""
    job: int = NOBODY
    """The job whose id it has in hand."""
    seen: int = NOBODY
    """The job that its list showed."""
    ripe: bool = False
    """Whether the claim could be taken over when its list was started."""
    only_collects: bool = False
    """Whether its run was cancelled before it began."""
    stranger: bool = False
    """Whether its credentials block leads to another account of the same label."""
    off: int = 0
    """How far its clock is ahead of the others."""


class Job(NamedTuple):
    """A training that the provider has accepted: it is paid, unless it fails."""

    attempt: int
    run: int
    """Whose process had submitted it."""
    hidden: int
    """Time left until the list shows it; SHOWN where it does."""
    phase: str = "running"
    told: bool = False
    """Whether its id was given to a process that was not killed with it."""
    reported: bool = False
    """Whether it was reported as a double payment."""
    orphan: bool = False
    """Whether the record that followed it is gone, or said that it had failed before it ran on."""
    stranger: bool = False
    """Whether it runs in the other account of the label."""
    named: bool = True
    """Whether the list still shows its name."""


class Post(NamedTuple):
    """A submit whose last byte has been sent, and whose answer nobody waits for any more."""

    attempt: int
    run: int
    left: int
    stranger: bool = False


class Ledger(NamedTuple):
    """What a store has of the training."""

    log: tuple[Record | None, ...]
    runs: tuple[Run, ...]


class State(NamedTuple):
    """Everything there is."""

    log: tuple[Record | None, ...]
    """The last record of each attempt."""
    runs: tuple[Run, ...]
    processes: tuple[Process, ...] = ()
    """Sorted: it does not matter which one came first."""
    jobs: tuple[Job, ...] = ()
    posts: tuple[Post, ...] = ()
    fault: str = ""
    """What a process did that is never allowed."""
    away: Ledger | None = None
    """What is in the store while another folder, an empty one at first, is in its place."""
    lost: bool = False
    """Whether that, or worse, has happened before."""
    origin: int = NOBODY
    """Which of two accounts the label leads to, once the store has it."""


def become(state: State, before: Process, *after: Process) -> State:
    """Put a process's next moment in the place of this one; nothing, where it ends."""
    processes = list(state.processes)
    processes.remove(before)
    processes += after
    processes.sort()
    return state._replace(processes=tuple(processes))


def with_run(state: State, number: int, run: Run) -> State:
    return state._replace(runs=(*state.runs[:number], run, *state.runs[number + 1 :]))


def with_job(state: State, number: int, job: Job) -> State:
    return state._replace(jobs=(*state.jobs[:number], job, *state.jobs[number + 1 :]))


def append(state: State, attempt: int, record: Record) -> State:
    """Create the next record. Whoever has read the records before is no longer up to date."""
    log = [*state.log[: attempt - 1], record, *state.log[attempt:]]
    fault = state.fault or illegal_step(state.log, attempt, record.state)
    processes = [p._replace(current=False, ripe=False) for p in state.processes]
    return state._replace(log=tuple(log), processes=tuple(sorted(processes)), fault=fault)


def illegal_step(log: tuple[Record | None, ...], attempt: int, state: str) -> str:
    """What is wrong with a step, as the real ledger would say; empty where it is legal."""
    before = log[attempt - 1]
    if before is not None:
        legal = state in NEXT_STATES[before.state]
        newer = any(log[attempt:])
    else:
        legal = state in FIRST_STATES and all(r is not None and r.state in ENDS for r in log[: attempt - 1])
        newer = False
    if legal and not newer:
        return ""
    return f"{state} of attempt {attempt} was written after {before.state if before else 'nothing'}"


def chosen_attempt(log: tuple[Record | None, ...]) -> int:
    """The attempt that a new run works on."""
    history = [record for record in log if record is not None]
    if not history:
        return 1
    last = history[-1]
    return len(history) + ended_unpaid(last)


def ended_unpaid(record: Record) -> bool:
    """Tell whether an end leaves nothing to pay, so that a new run may begin the next attempt."""
    return record.state in UNPAID_FAILURES | {"abandoned"} and not record.paid

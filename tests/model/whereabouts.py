"""Where an accepted job has gone: who follows it, who knows of it, and what an approval cannot help.

What is left over is this. A person is asked about a submit that nobody can account for, and says that the job is
not there. That may be wrong, and no list can tell. So the approved submit may be accepted too, and then there are
two jobs of one name. The ledger follows the one that is named first, to its end; nobody follows the other.
Even if the one that is followed fails, the attempt counts as paid, because it was in doubt once: it keeps its
budget slot, and no run begins the next attempt beside the other job by itself. So a wrong approval costs the
one job that it adds, and nothing follows from that. None of this happens without an approval, or where only one of
the two was accepted. A process that holds the other job's id reports it as a double payment. Whoever asks for the
status is told of it once the list shows it. As long as neither happens nobody can know of it.
"""

from __future__ import annotations

from tests.model.state import NOBODY, SHOWN, Record, State, ended_unpaid
from tuneloop.schemas.records import ENDS, UNPAID_FAILURES

OPEN = frozenset({"claimed", "held"})
"""Records that do not name a job yet, and can still come to."""
HOME = {
    "trained": {"collected"},
    "failed": {"failed"},
    "gone": {"collected", "held"},
}
"""What the record that follows a job may say in the end, by the job's phase."""


def is_followed(state: State, number: int) -> bool:
    """Tell whether a record names a job, and does not say that it came to nothing."""
    return any(r is not None and r.job == number and r.state not in UNPAID_FAILURES for r in state.log)


def record_of(state: State, number: int) -> Record:
    """The last record that follows a job, or else that of its attempt."""
    followers = [r for r in state.log if r is not None and r.job == number and r.state not in UNPAID_FAILURES]
    return followers[-1] if followers else state.log[state.jobs[number].attempt - 1] or Record("")


def is_astray(state: State, number: int) -> bool:
    """Tell whether a job is paid for, and neither followed nor, as far as that can be, known to a person."""
    job = state.jobs[number]
    record = record_of(state, number)
    if job.phase == "failed" or job.reported or job.orphan or is_followed(state, number):
        return False
    # It is found by its name, as long as something leads to the record.
    awake = any(process.attempt == job.attempt for process in state.processes)
    awake = awake or any(run.marked and run.attempt == job.attempt for run in state.runs)
    if record.state in OPEN | UNPAID_FAILURES and awake:
        return False
    return not is_given_up(record) and not is_left_over(state, number)


def is_given_up(record: Record) -> bool:
    """Tell whether a person has given a training up, knowing that it may be paid."""
    return record.state == "abandoned" and record.paid


def is_left_over(state: State, number: int) -> bool:
    """Tell whether a job is the other one of two, after an approval, and nothing is begun beside it: see above."""
    record = record_of(state, number)
    return record.approved and record.job not in {NOBODY, number} and not ended_unpaid(record)


def is_home(state: State, number: int, *, trusted: bool) -> bool:
    """Tell whether nothing is left to do about a job, which is more than that it is not astray."""
    job = state.jobs[number]
    record = record_of(state, number)
    if job.reported or is_given_up(record):
        return True
    if record.job == number:
        return record.state in HOME.get(job.phase, ())
    if job.phase == "failed" and (job.orphan or record.state in ENDS):
        return True
    if is_left_over(state, number):
        unseen = job.hidden != SHOWN
        return job.phase == "failed" or (not job.told and (unseen or is_shown_by_the_status(state, number)))
    return record.state == "held" and not trusted and not job.told and job.hidden != SHOWN


def is_shown_by_the_status(state: State, number: int) -> bool:
    """Tell whether `tuneloop status` names a job as followed by nobody."""
    job = state.jobs[number]
    record = record_of(state, number)
    followed = record.job == number or (record.job == NOBODY and record.state in OPEN)
    return job.hidden == SHOWN and job.phase != "failed" and not followed

"""Jobs whose state nobody can tell: not shown, or with a word that is not documented.

They are asked for by their id. What stays unclear for a day is handed over to a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.errors import NotFoundAtProvider, ProviderError, ProviderUnavailable, RecordConflict
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.schemas.training import JobStatus
from tuneloop.sensor.queries import QueryResult
from tuneloop.sensor.transitions import Transition

SHOWN_AFTER = timedelta(hours=1)
"""So long a list may not show a job that was accepted."""
HELD_AFTER = timedelta(days=1)
"""What is unclear for so long is for a person."""


def cleared_up(asked: QueryResult, training: TrainingLog, jobs: list[JobStatus], at: datetime) -> list[JobStatus]:
    """Ask by its id for a submitted job that the list does not show, or shows with a word that nobody knows.

    Returns:
        The training's jobs, with what the provider says now about the one that is followed.
    """
    last = training.last
    if not isinstance(last, Submitted):
        return jobs
    shown = next((job for job in jobs if job.job_id == last.job_id), None)
    if shown is None and (not asked.complete or at - last.created_at < SHOWN_AFTER):
        return jobs
    if (shown is not None and shown.known) or not asked.may_ask_for_one() or asked.provider is None:
        return jobs
    try:
        answer = asked.provider.status(last.job_id).recorded_as({last.job_id})
    except ProviderError as error:
        if shown is None and isinstance(error, NotFoundAtProvider):
            asked.absent.add(training.name)
        elif shown is None and not isinstance(error, ProviderUnavailable):
            raise
        return jobs  # the next tick asks again
    return [answer, *(job for job in jobs if job.job_id != last.job_id)]


def unclear_because(asked: QueryResult, training: TrainingLog, jobs: list[JobStatus]) -> str | None:
    """Say why nobody can tell the state of a submitted job; None where it is clear, or nobody has asked."""
    last = training.last
    if not isinstance(last, Submitted):
        return None
    followed = next((job for job in jobs if job.job_id == last.job_id), None)
    if followed is None and training.name in asked.absent:
        return f"the provider has no job {last.job_id} any more"
    if followed is not None and not followed.known:
        return f"the provider says {followed.word!r} about job {last.job_id}, which is not documented"
    return None


def held_as_lost(run: RunRecord, training: TrainingLog, why: str, since: datetime | None) -> Transition | None:
    """Hand a training over to a person whose job has been unclear for a day."""
    last = training.last
    if since is None or now() - since < HELD_AFTER or not isinstance(last, Submitted):
        return None
    reason = f"{why}, since {since:%Y-%m-%d %H:%M} UTC: look for {last.name} in its console"
    try:
        return Transition(run, training.hold("lost", reason), None)
    except RecordConflict:
        return None

"""When a deployment's second trainer may take the place of its first one: never while a submit is in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.errors import (
    PresignedUrlExpired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RecordConflict,
    TrainerRetired,
)
from tuneloop.ledger.evidence import unreadable_job, with_ended_ones
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import trainer_name
from tuneloop.providers.status_errors import is_refusal
from tuneloop.schemas.records import Abandoned, Rejected, RunRecord
from tuneloop.schemas.training import job_name

_REASON_LENGTH = 1000


def unsettled_refusal(training: TrainingLog) -> Rejected | None:
    """The refusal of a submit that may have been accepted all the same, None where there is none."""
    last = training.last
    return last if isinstance(last, Rejected) and last.refused and _is_ahead(last.settled_after) else None


def why_fall_back(provider: Provider, training: TrainingLog, error: Exception, after: timedelta) -> str | None:
    """Say why the second trainer is used for a training that an error has ended, None where it is not.

    Args:
        provider: The first trainer's.
        training: As it was read just now.
        error: What has ended it.
        after: For how long the first trainer may be down.

    Raises:
        ProviderError: The provider cannot be searched for jobs that it has accepted all the same.
    """
    last = training.last
    if isinstance(last, Rejected):
        why = f"rejects it: {last.reason}" if last.refused and not _is_ahead(last.settled_after) else None
    elif last is not None or _is_ahead(training.not_before):
        why = None
    elif isinstance(error, TrainerRetired):
        why = f"is retired: {error}"
    elif not isinstance(error, ProviderError) or error.provider != provider.name:
        why = None
    elif _is_down(error):
        since = _down_since(training)
        # One that nobody reaches cannot be searched; but nothing was claimed, so that nothing is in doubt.
        return f"has been down since {since:%Y-%m-%d %H:%M} UTC: {error}" if now() - since > after else None
    else:
        why = f"rejects it: {error}" if is_refusal(error) else None
    return None if why is None or _has_an_open_job(provider, training) else why


def close(training: TrainingLog, run: RunRecord, why: str) -> Abandoned | None:
    """Record that the second trainer is used, so that nobody submits to the first; None where somebody has."""
    # After a refusal, it is the next attempt that somebody could begin.
    after_refusal = isinstance(training.last, Rejected)
    begun = TrainingLog(training.ledger, training.key, training.attempt + 1) if after_refusal else training
    if begun.last is not None:
        return None
    reason = f"{trainer_name(run)} {why}"[:_REASON_LENGTH]
    end = Abandoned(**begun.header(), reason=reason, paid=False, failed_over=True)
    try:
        begun.append_failure(run, end)
    except RecordConflict:
        return None
    return end


def closed(ledger: Ledger, run: RunRecord) -> Abandoned | None:
    """The record by which `close` has ended the training that a run works on, None where it has not."""
    last = ledger.last(run.key)
    return last if isinstance(last, Abandoned) and last.failed_over and last.attempt >= run.attempt else None


def _is_ahead(moment: datetime | None) -> bool:
    return moment is not None and now() <= moment


def _is_down(error: ProviderError) -> bool:
    return isinstance(error, ProviderUnavailable) and not isinstance(error, RateLimited | PresignedUrlExpired)


def _down_since(training: TrainingLog) -> datetime:
    """When a run of this training first found that the provider is down, by the store's clock."""
    # The sensor closes an attempt that was never claimed: what follows it is the same wait.
    begun = [each for each in training.history if not isinstance(each, Abandoned) or each.failed_over]
    name = f"unreached/{job_name(training.key, begun[-1].attempt + 1 if begun else 1)}"
    store = training.ledger.store
    store.create(name, b"")
    return dict(store.written(name))[name]


def _has_an_open_job(provider: Provider, training: TrainingLog) -> bool:
    """Return True if the provider shows a job of any attempt that no record follows or has seen end."""
    listed = provider.find(training.stem, training.since).recorded_as(training.job_ids)
    shown = with_ended_ones(provider, training, listed)
    others = [job for job in shown.jobs if job.job_id not in training.followed]
    is_open = any(job.job_id not in training.ended or training.is_alive(job) for job in others)
    return is_open or unreadable_job(training, shown) is not None

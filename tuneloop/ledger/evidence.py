"""What a provider's list proves before a claim.

A job of this training that is there already is followed, never paid again. An absent one was
never accepted only if the list is known to be whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice

from tuneloop.clock import now
from tuneloop.errors import ClockWrong, CorruptRecord, NotFoundAtProvider
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import record_duplicate_job, submitted_record
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.schemas.records import Claimed, Collected, Submitted, Trained
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Account, JobList, JobStatus, Phase, parse_job_name

CLOCK_TOLERANCE_S = 30.0
"""How far two clocks may be apart; the margins of a submit leave room for a minute."""
_PROGRESS: dict[Phase, int] = {"ready": 3, "trained": 2, "running": 1, "failed": 0}
_MAX_SUBMITS = 2
"""How often an attempt is submitted before it needs approval, whatever became of it."""
_MARKERS_READ = 20
_SLOTS_READ = 10


def with_ended_ones(provider: Provider, training: TrainingLog, shown: JobList) -> JobList:
    """Query by id the jobs that have failed and are not in the list, which may lag behind."""
    found = []
    for job_id, name in training.ended.items():
        if job_id not in {job.job_id for job in shown.jobs}:
            with suppress(NotFoundAtProvider):
                status = provider.get_job(training.submission(job_id)).recorded_as({job_id})
                found.append(status.model_copy(update={"name": name}))
    return shown.model_copy(update={"jobs": (*shown.jobs, *found)})


def follow_earlier_job(training: TrainingLog, shown: JobList) -> Submitted | None:
    """Follow a job that was made for this training and that no record follows, in place of paying for another one.

    It was submitted from a store that is lost or from another one, or is alive after a failure. Of several, the
    one of the highest attempt is followed, and the others are recorded as duplicates. Where none lives, one that
    failed under the attempt's own name is recorded too: a second job of that name could be taken for it.

    Raises:
        RecordConflict: The training has moved on: read the ledger again.
    """
    jobs = sorted(_unfollowed(training, shown), key=_progress, reverse=True)
    if not jobs:
        return None
    record = training.append(submitted_record(training.attempt, jobs[0].name, jobs[0]))
    for other in jobs[1:]:
        record_duplicate_job(training.ledger, other.name, other.job_id, record.job_id)
    return record


def unreadable_job(training: TrainingLog, shown: JobList) -> str | None:
    """Say which job of this training is listed, not followed, and cannot be read; None for none."""
    known = set(training.followed.values())
    for name, why in sorted(shown.unreadable.items()):
        if (parse_job_name(name) or ("",))[0] == training.stem and name not in known:
            return f"the provider's list has a job named {name} that cannot be read: {why}"
    return None


def check_clock(provider: Provider) -> None:
    """Reject a clock that is not the provider's: others conclude from a claim's times.

    Raises:
        ClockWrong: They are too far apart.
    """
    offset = provider.clock_offset_s
    if offset is not None and abs(offset) > CLOCK_TOLERANCE_S:
        way = "behind" if offset > 0 else "ahead of"
        raise ClockWrong(
            f"this host's clock ({now():%Y-%m-%d %H:%M:%S} UTC) is {abs(offset):.0f} s {way} the clock of "
            f"{provider.name}: nothing was claimed or paid. Set the clock (for example by NTP) and run again"
        )


def _unfollowed(training: TrainingLog, shown: JobList) -> list[JobStatus]:
    by_id = {job.job_id: job for job in shown.jobs if job.job_id not in training.followed}
    alive = [job for job in by_id.values() if training.is_alive(job)]
    unknown = by_id.keys() - training.ended.keys()
    return alive or [job for job in shown.named(training.name) if job.job_id in unknown][:1]


def _progress(job: JobStatus) -> tuple[int, int]:
    _, attempt = parse_job_name(job.name) or ("", 0)
    return attempt, _PROGRESS[job.phase]


def why_not_again(provider: Provider, training: TrainingLog, credentials: str, shown: JobList) -> str | None:
    """Say why a claim that came to nothing may not be claimed again without approval, None where it may.

    The list has to be started after every margin; `credentials` is the slug of the block by which it was read.
    """
    return next(_reasons(provider, training, credentials, shown), None)


def _reasons(provider: Provider, training: TrainingLog, credentials: str, shown: JobList) -> Iterator[str]:
    claim = training.last
    if not isinstance(claim, Claimed):
        yield f"{training.name} is not claimed"
        return
    ambiguous = f"the submit of {claim.name} was ambiguous"
    if now() <= claim.take_over_after:
        yield f"{ambiguous}, and it may still be accepted"
    search = f"look for the name {claim.name} in its console"
    if any(map(training.is_evidence, shown.named(claim.name))) or claim.name in shown.unreadable:
        yield f"{ambiguous}, and a job of that name is there now"
    if not (provider.capabilities.list_is_complete and shown.list_is_complete):
        yield (
            f"{ambiguous}, and {provider.name}'s list may lack accepted jobs, be cut, or show names in another "
            f"form: {search} before it is submitted again"
        )
    if training.submits >= _MAX_SUBMITS:
        yield f"{training.submits} submits of {claim.name} were ambiguous: {search}"
    if claim.credentials != credentials:
        yield (
            f"{ambiguous}, and only {claim.credentials}, by which it was submitted, can show that it came to "
            f"nothing; this run has {credentials}"
        )
    lag = timedelta(seconds=provider.margins.list_lag_s)
    for job_id in sorted(_known(training.ledger, claim.account, lag) - shown.shown):
        yield (
            f"{ambiguous}, and {provider.name}'s list is not complete (it lacks {job_id}, which is known to be "
            f"there): {search}"
        )


def _known(ledger: Ledger, account: Account, lag: timedelta) -> frozenset[str]:
    """Ids of jobs that a whole list of the account shows: those in flight and the newest."""
    latest = now() - lag
    known = set()
    for key, attempt in set(_newest(ledger, account)):
        with suppress(CorruptRecord):
            own = [record for record in ledger.history(key) if record.attempt == attempt]
            submitted = [record for record in own if isinstance(record, Submitted) and record.created_at < latest]
            if submitted and isinstance(own[-1], Submitted | Trained | Collected):
                known.add(submitted[-1].job_id)
    return frozenset(known)


def _newest(ledger: Ledger, account: Account) -> Iterator[tuple[str, int]]:
    markers = (marker for marker in ledger.markers() if marker.account == account.slug)
    for marker in islice(markers, _MARKERS_READ):
        with suppress(CorruptRecord):
            run = ledger.run(marker.flow_run, marker.job)
            if run is not None:
                yield run.key, run.attempt
    for slot in Budget(ledger, account, SpendingLimits()).newest_slots(_SLOTS_READ):
        if slot.kind == "training":
            yield slot.key, slot.attempt

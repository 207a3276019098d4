"""What is in flight, held, or paid and tracked by no record; and what the accounts have spent. Read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord, TuneloopError
from tuneloop.ledger.accounts import NOTIFY_AFTER, UNREACHED, AccountMarks
from tuneloop.ledger.collection import weights_problem
from tuneloop.ledger.ledger import Ledger, Marker
from tuneloop.ledger.training import TrainingLog, is_revivable
from tuneloop.providers.base import Provider
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import Collected, HasJobId, Held, RunRecord
from tuneloop.schemas.spending import DuplicateJobRecord
from tuneloop.schemas.training import JobStatus, is_job_name, parse_job_name
from tuneloop.sensor.continuing import is_given_up

_AT_ONCE = 16
_GIVEN_UP = (
    "no further run is started automatically, because several in a row have failed: read the last one's log, "
    "fix the cause, and start the model's run again"
)


class OpenTraining(FrozenModel):
    """One open training and the run that waits for it."""

    model: str
    """Empty where the run cannot be read."""
    job: str
    account: str
    state: str
    """State of its last record; `marked` before the first one, `given up` where nothing goes on by itself."""
    since: datetime
    flow_run: str
    note: str
    """Why it is held, undecided or given up, or why it cannot be read."""


def open_trainings(ledger: Ledger) -> list[OpenTraining]:
    """Every open training, oldest first."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda marker: _open_training(ledger, marker), ledger.markers())
        return sorted(filter(None, found), key=lambda item: item.since)


def _open_training(ledger: Ledger, marker: Marker) -> OpenTraining | None:
    model, since = "", marker.since
    try:
        run = ledger.run(marker.flow_run, marker.job)
        if run is None:
            return None
        model, since = run.model, run.created_at
        state, since, note = _status_of(ledger, run)
    except TuneloopError as error:
        state, note = "unreadable", str(error)
    return OpenTraining(
        model=model,
        job=marker.job,
        account=marker.account,
        state=state,
        since=since,
        flow_run=marker.flow_run,
        note=note,
    )


def _status_of(ledger: Ledger, run: RunRecord) -> tuple[str, datetime, str]:
    training = TrainingLog.of(ledger, run)
    last = training.last
    if last is None:
        return "marked", run.created_at, ""
    pending = Registry(ledger).pending_review(run) if isinstance(last, Collected) else None
    if is_given_up(ledger, run, len(training.history)):
        return "given up", pending.created_at if pending else last.created_at, _GIVEN_UP
    if pending is not None:
        return "undecided", pending.created_at, pending.reason
    return last.state, last.created_at, last.reason if isinstance(last, Held) else ""


def orphaned_jobs(ledger: Ledger, provider: Provider) -> list[JobStatus]:
    """Jobs of the account with a name of ours that no record follows: paid, perhaps, and forgotten."""
    keys = defaultdict(set)
    for name in ledger.store.names("trainings/"):
        key = name.split("/")[1]
        keys[key[:16]].add(key)
    ours = [job for job in provider.list_jobs().jobs if job.phase != "failed" and is_job_name(job.name)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        lasts = threads.map(ledger.last, [key for same in keys.values() for key in same])
        # An adopted job is followed under another name than the one it has at the provider.
        # Only a list that carries states proves that a job lives on after a bad end.
        may_live = provider.capabilities.list_has_status
        known = [record for record in lasts if isinstance(record, HasJobId)]
        ids = {record.job_id for record in known if not (may_live and is_revivable(record))}
        rest = [job for job in ours if not job.ids & ids]
        followed = threads.map(lambda job: _is_followed(ledger, keys, job, may_live=may_live), rest)
        return [job for job, known in zip(rest, followed, strict=True) if not known]


def _is_followed(ledger: Ledger, keys: dict[str, set[str]], job: JobStatus, *, may_live: bool) -> bool:
    """Return True if a record of the job's own name knows it, or is about to."""
    stem, attempt = parse_job_name(job.name) or ("", 0)
    for key in keys.get(stem, ()):
        records = [record for record in ledger.history(key) if record.attempt == attempt]
        if records and may_live and is_revivable(records[-1]):
            continue  # it had come to a bad end, and lives
        ids = {record.job_id for record in records if isinstance(record, HasJobId)}
        if job.ids & ids or (records and not ids and records[-1].state in {"claimed", "held"}):
            return True
    return False


def duplicate_jobs(ledger: Ledger) -> list[DuplicateJobRecord]:
    """Jobs that the provider has accepted under a name that was taken."""
    found = []
    for name in ledger.store.names("duplicate-jobs/"):
        with suppress(CorruptRecord):  # `store_problems` names it
            found.append(ledger.read_record(name, DuplicateJobRecord))
    return found


def store_problems(ledger: Ledger) -> Iterator[str]:
    """What the sensor could not make out, and files of strangers beside its own."""
    for marks in _marks(ledger):
        account = marks.account
        for what, since in marks.troubles().items():
            if what != UNREACHED:
                yield f"{what}: its state is unknown since {since:%Y-%m-%d %H:%M} UTC; check the console"
            elif now() - since >= NOTIFY_AFTER:
                yield f"{account} could not be reached since {since:%Y-%m-%d %H:%M} UTC; read the sensor's log"
        for name in marks.strays():
            yield f"{ledger.store.uri_of(name)} was not written by Tuneloop; delete it"
    for name in ledger.store.names("duplicate-jobs/"):
        try:
            ledger.read_record(name, DuplicateJobRecord)
        except CorruptRecord as error:
            yield str(error)


def unreached_accounts(ledger: Ledger) -> dict[str, datetime]:
    """Since when an account, by its slug, does not answer the sensor; those that do are not in it."""
    found = {marks.account: marks.troubles().get(UNREACHED) for marks in _marks(ledger)}
    return {account: since for account, since in found.items() if since is not None}


def _marks(ledger: Ledger) -> list[AccountMarks]:
    accounts = {name.split("/")[1] for name in ledger.store.names("inflight/")}
    return [AccountMarks(ledger, account) for account in sorted(accounts)]


def lost_weights(ledger: Ledger) -> Iterator[str]:
    """Champions whose weights are not in the store any more, or not all of them."""
    for model in sorted({name.split("/")[1] for name in ledger.store.names("models/")}):
        try:
            champion = ledger.champion(model)
            problem = weights_problem(ledger, champion) if champion else None
        except TuneloopError as error:
            problem = str(error)
        if problem is not None:
            yield f"the champion of {model}: {problem}"

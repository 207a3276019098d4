"""What is in flight, held, or paid and followed by nobody; and what the accounts have spent. Only read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tuneloop.budget import Spending
from tuneloop.errors import TuneloopError
from tuneloop.ledger import Ledger, Marker
from tuneloop.promotion import open_question
from tuneloop.providers.provider import Provider
from tuneloop.training_state import read_training
from tuneloop.values.frozen import Frozen
from tuneloop.values.records import Collected, Held, WithId
from tuneloop.values.spending import DoublePayment
from tuneloop.values.training import JobStatus

_OUR_NAME = re.compile(r"([0-9a-f]{16})-g([1-9][0-9]*)")
_AT_ONCE = 16


class OpenTraining(Frozen):
    """One open story: a run and its training."""

    model: str
    """The model."""
    job: str
    """Name of the training's job."""
    account: str
    """Who pays."""
    state: str
    """State of its last record; `marked` before the first one."""
    since: datetime
    """When that was written."""
    flow_run: str
    """The run that waits."""
    note: str
    """Why it is held or undecided, or why it cannot be read."""


class ModelSpending(Frozen):
    """What one model has reserved in a window."""

    model: str
    """The model."""
    trainings: int
    """How many trainings."""
    cents: int
    """Their price, as far as it is known."""
    unpriced: int
    """Trainings whose price nobody knows."""


def open_trainings(ledger: Ledger) -> list[OpenTraining]:
    """Every open story, oldest first."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda marker: _open_training(ledger, marker), ledger.markers())
        return sorted(filter(None, found), key=lambda item: item.since)


def _open_training(ledger: Ledger, marker: Marker) -> OpenTraining | None:
    run = ledger.run(marker.flow_run)
    if run is None:
        return None
    state, since, note = "marked", run.at, ""
    try:
        last = read_training(ledger, run.key, run.generation).last
        question = open_question(ledger, run) if isinstance(last, Collected) else None
    except TuneloopError as error:
        state, note = "unreadable", str(error)
    else:
        if last is not None:
            state, since = last.state, last.at
            note = last.reason if isinstance(last, Held) else ""
            if question is not None:
                state, since, note = "undecided", question.at, question.why
    return OpenTraining(
        model=run.model,
        job=marker.job,
        account=marker.account,
        state=state,
        since=since,
        flow_run=marker.flow_run,
        note=note,
    )


def unowned_jobs(ledger: Ledger, provider: Provider) -> list[JobStatus]:
    """Jobs of the account with a name of ours that no record follows: paid, perhaps, and forgotten."""
    keys = defaultdict(set)
    for name in ledger.store.names("trainings/"):
        key = name.split("/")[1]
        keys[key[:16]].add(key)
    ours = [job for job in provider.jobs().jobs if job.phase != "failed" and _OUR_NAME.fullmatch(job.name)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        lasts = threads.map(ledger.last, [key for same in keys.values() for key in same])
        # An adopted job is followed under another name than the one it has at the provider.
        ids = {record.job_id for record in lasts if isinstance(record, WithId)}
        rest = [job for job in ours if job.job_id not in ids]
        followed = threads.map(lambda job: _is_followed(ledger, keys, job), rest)
        return [job for job, known in zip(rest, followed, strict=True) if not known]


def _is_followed(ledger: Ledger, keys: dict[str, set[str]], job: JobStatus) -> bool:
    """Tell whether a record of the job's own name knows it, or is about to."""
    match = _OUR_NAME.fullmatch(job.name)
    for key in keys.get(match.group(1), ()) if match else ():
        records = [r for r in ledger.history(key) if match and r.generation == int(match.group(2))]
        ids = {record.job_id for record in records if isinstance(record, WithId)}
        if job.job_id in ids or (records and not ids and records[-1].state in {"claimed", "held"}):
            return True
    return False


def doubles(ledger: Ledger) -> list[DoublePayment]:
    """Jobs that the provider has accepted under a name that was taken."""
    return [ledger.read_record(name, DoublePayment) for name in ledger.store.names("doubles/")]


def spending_by_model(spending: Spending) -> Iterator[ModelSpending]:
    """A window's trainings, by the model they were first trained for."""
    for model in sorted({slot.model for slot in spending.live}):
        slots = [slot for slot in spending.live if slot.model == model]
        yield ModelSpending(
            model=model,
            trainings=sum(slot.kind == "training" for slot in slots),
            cents=sum(slot.cents or 0 for slot in slots),
            unpriced=sum(slot.cents is None for slot in slots),
        )

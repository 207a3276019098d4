"""The append-only record of every training, in the artifact store.

A training is a folder of numbered records; record n exists once, so writing it is a compare-and-set. The last
record is the state. Nothing in here deletes anything but markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import tuneloop.providers.registry  # noqa: F401 - a record names services that are registered there
from tuneloop.errors import LedgerError, ObjectNotFound, RecordConflict
from tuneloop.ledger.record_store import RecordStore
from tuneloop.schemas.records import (
    ENDS,
    AnyTrainingRecord,
    CancelAnswer,
    CancelRequest,
    ComparisonRecord,
    Decision,
    Held,
    Promotion,
    RunRecord,
    Submitted,
    follows,
    training_record,
)
from tuneloop.schemas.training import job_name
from tuneloop.storage.base import Store

_FIRST_STATES = frozenset({"claimed", "abandoned", "submitted"})
"""How an attempt begins: abandoned where it was never claimed, which fences a starter that stands still, and
submitted where a job was there before anything was claimed."""
PAUSES, TROUBLES = "paused-until", "trouble"
"""What lies beside the markers of an account, see `accounts`."""


class Marker(NamedTuple):
    """An open run: it waits for this job of this account."""

    account: str
    job: str
    flow_run: str
    since: datetime
    """When it was left, by the store's clock."""

    @property
    def name(self) -> str:
        return f"inflight/{self.account}/{self.job}/{self.flow_run}"


class FailedJob(NamedTuple):
    """A job that ended unpaid, or was about to. The file holds the id of the flow run that found it."""

    account: str
    job: str
    key: str

    @property
    def name(self) -> str:
        return f"failed-jobs/{self.account}/{self.job}/{self.key}"


def marker_name(run: RunRecord) -> str:
    """Name of a run's marker within the store."""
    return f"inflight/{run.account.slug}/{job_name(run.key, run.attempt)}/{run.flow_run}"


class Ledger(RecordStore):
    """Trainings, runs with their markers, decisions and promotions of one store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._numbers: dict[str, int] = {}  # of records that were read or written here, by writer id

    def history(self, key: str) -> list[AnyTrainingRecord]:
        """Every record of a training, oldest first. Raises `CorruptRecord` on a gap or an invalid record."""
        names = self.numbered(f"trainings/{key}/")
        return [self._training_record(name, number) for number, name in enumerate(names, start=1)]

    def last(self, key: str) -> AnyTrainingRecord | None:
        """The state of a training, None where it has no records."""
        names = self.numbered(f"trainings/{key}/")
        return self._training_record(names[-1], len(names)) if names else None

    def append(self, key: str, after: AnyTrainingRecord | None, record: AnyTrainingRecord) -> None:
        """Write the record that comes `after` the one that was last when this step was decided; None for none.

        Raises:
            RecordConflict: Another writer was first: read again and decide again.
            LedgerError: The step is not legal.
        """
        _check_step(after, record)
        # The number that follows the one it was decided on exists once: nothing else has to be read for it.
        if after is not None and after.writer_id not in self._numbers:
            self.history(key)  # it was read by another ledger object
            if after.writer_id not in self._numbers:
                raise RecordConflict(f"training {key[:16]} no longer has the record that this step follows")
        number = self._numbers[after.writer_id] + 1 if after else 1
        name = f"trainings/{key}/{number:04d}.json"
        if not self.create_record(name, record):
            raise RecordConflict(f"training {key[:16]} has moved on: another writer was first at {name}")
        self._numbers[record.writer_id] = number

    def _training_record(self, name: str, number: int) -> AnyTrainingRecord:
        record: AnyTrainingRecord = self._read(name, training_record)
        self._numbers[record.writer_id] = number
        return record

    def save_run(self, run: RunRecord) -> RunRecord:
        """Write what a flow run works on. The first file wins for ever and is returned."""
        name = f"runs/{run.flow_run}.json"
        return run if self.create_record(name, run) else self.read_record(name, RunRecord)

    def run(self, flow_run: str, training: str = "") -> RunRecord | None:
        """What a flow run works on, None before it has decided.

        Where it works on several trainings, the one that is meant is named by its key or by its job's name.
        """
        try:
            return self.read_record(f"runs/{flow_run}.json", RunRecord)
        except ObjectNotFound:
            compared = self.comparison(flow_run) if training else None
            return (
                next((run for run in compared.runs if run.key[:16] == training[:16]), None) if compared else None
            )

    def save_comparison(self, comparison: ComparisonRecord) -> ComparisonRecord:
        """Write what a flow run compares. The first file wins for ever and is returned."""
        name = f"comparisons/{comparison.flow_run}.json"
        return comparison if self.create_record(name, comparison) else self.read_record(name, ComparisonRecord)

    def comparison(self, flow_run: str) -> ComparisonRecord | None:
        """What a flow run compares, None where it compares nothing or has not decided yet."""
        try:
            return self.read_record(f"comparisons/{flow_run}.json", ComparisonRecord)
        except ObjectNotFound:
            return None

    def mark(self, run: RunRecord) -> None:
        """Leave a marker where there is none, by which the sensor finds this run without reading history."""
        self.store.create(marker_name(run), b"")

    def is_marked(self, run: RunRecord) -> bool:
        return self.store.exists(marker_name(run))

    def markers(self) -> Iterator[Marker]:
        """Every open run, by names alone."""
        for name, since in self.store.written("inflight/"):
            parts = name.split("/")
            if len(parts) == 4 and parts[2] not in {PAUSES, TROUBLES}:  # noqa: PLR2004 - inflight/account/job/run
                yield Marker(parts[1], parts[2], parts[3], since)

    def note_failure(self, run: RunRecord, job: str) -> None:
        """Leave the name of a job that is about to be recorded as failed, rejected or abandoned unpaid.

        It is never deleted; by it a job is known again that lives on in spite of such a record: `failed_jobs`. The
        job's name at the provider may be the one of an earlier attempt than the run's.
        """
        for name in {job, job_name(run.key, run.attempt)}:
            self.store.create(FailedJob(run.account.slug, name, run.key).name, run.flow_run.encode())

    def failed_jobs(self) -> Iterator[tuple[FailedJob, datetime]]:
        """Every job that was noted by `note_failure`, by names alone, and the store's time of that."""
        for name, since in self.store.written("failed-jobs/"):
            parts = name.split("/")
            if len(parts) == 4:  # noqa: PLR2004 - failed-jobs/account/job/key
                yield FailedJob(*parts[1:]), since

    def run_of(self, end: FailedJob) -> RunRecord | None:
        return self.run(self.store.read(end.name).decode(), end.key)

    def waiting_for(self, account: str, job: str) -> set[str]:
        """The flow runs that have left a marker for a job."""
        prefix = f"inflight/{account}/{job}/"
        return {name.removeprefix(prefix) for name in self.store.names(prefix)}

    def unmark(self, run: RunRecord) -> None:
        """Delete a run's marker. Only after its end has been read, or a hold that the run leaves to others.

        Where the training has come to life since then, it is marked again. Whoever brings one to life marks it
        after that, so one of the two sees the other.
        """
        self.store.delete_marker(marker_name(run))
        own = [record for record in self.history(run.key) if record.attempt == run.attempt]
        if own and own[-1].state not in ENDS and not _is_unsent(own[-1]):
            self.mark(run)

    def decision_folder(self, run: RunRecord) -> str:
        """Where the decisions on a run's model version and plan are."""
        return f"models/{run.model}/decisions/{run.key}-g{run.attempt}-{run.plan.digest}/"

    def is_cancelled(self, flow_run: str) -> bool:
        """Return True if a run was cancelled by hand."""
        return self.store.exists(f"cancelled/{flow_run}")

    def remember_cancelled(self, flow_run: str) -> None:
        """Remember that a run was cancelled by hand: what was paid is collected, and nothing is judged."""
        self.store.create(f"cancelled/{flow_run}", b"")

    def cancelled(self) -> set[str]:
        """Every run that was cancelled by hand."""
        return {name.removeprefix("cancelled/") for name in self.store.names("cancelled/")}

    def cancel_request(self, job: str) -> CancelRequest | None:
        """A request that may have stopped a job of this name, None where there is none.

        One that was withdrawn or declined has stopped nothing; one without an answer may have.
        """
        names = set(self.store.names(f"cancelled-jobs/{job}/"))
        for folder in sorted({name.rpartition("/")[0] for name in names if name.endswith("/request.json")}):
            answer = f"{folder}/answer.json"
            declined = answer in names and not self.read_record(answer, CancelAnswer).accepted
            if not declined and f"{folder}/withdrawn" not in names:
                return self.read_record(f"{folder}/request.json", CancelRequest)
        return None

    def decisions(self, run: RunRecord) -> list[Decision]:
        """Every decision on this run's model version and plan, oldest first."""
        found = [self.read_record(name, Decision) for name in self.numbered(self.decision_folder(run))]
        self._numbers |= {decision.writer_id: number for number, decision in enumerate(found, start=1)}
        return found

    def decisions_from_the_last(self, run: RunRecord) -> Iterator[Decision]:
        """The same decisions, newest first, each read when it is asked for."""
        names = self.numbered(self.decision_folder(run))
        return (self.read_record(name, Decision) for name in reversed(names))

    def write_decision(self, run: RunRecord, number: int, decision: Decision) -> Decision:
        """Write decision `number`; the first one written stands and is returned."""
        name = f"{self.decision_folder(run)}{number:04d}.json"
        stands = decision if self.create_record(name, decision) else self.read_record(name, Decision)
        self._numbers[stands.writer_id] = number
        return stands

    def decision_name(self, run: RunRecord, decision: Decision) -> str:
        if decision.writer_id not in self._numbers:
            self.decisions(run)
        return f"{self.decision_folder(run)}{self._numbers[decision.writer_id]:04d}.json"

    def promotions(self, model: str) -> list[Promotion]:
        """The champions of a model, oldest first; the last one is the champion."""
        return list(self.promotions_since(model, 1))

    def promotions_since(self, model: str, number: int) -> Iterator[Promotion]:
        """The champions of a model from a number on, oldest first, each read when it is asked for."""
        names = self.numbered(f"models/{model}/promotions/")
        return (self.read_record(name, Promotion) for name in names[max(0, number - 1) :])

    def promotion(self, model: str, number: int) -> Promotion:
        """One promotion. Raises `ObjectNotFound` where there is none of this number."""
        return self.read_record(f"models/{model}/promotions/{number:04d}.json", Promotion)

    def champion(self, model: str) -> Promotion | None:
        return self.newest(f"models/{model}/promotions/", Promotion)

    def write_promotion(self, promotion: Promotion) -> bool:
        """Write a promotion under its own number, never under the next free one.

        Returns False where that number is taken: evaluate against the new champion.
        """
        name = f"models/{promotion.model}/promotions/{promotion.number:04d}.json"
        return self.create_record(name, promotion)


def _is_unsent(record: AnyTrainingRecord) -> bool:
    """Return True if a record is a hold before anything was sent: nothing comes of it unless somebody approves."""
    return isinstance(record, Held) and record.kind in {"budget", "attempts"}


def _check_step(after: AnyTrainingRecord | None, record: AnyTrainingRecord) -> None:
    """Reject a step that the protocol does not have."""
    answered = isinstance(record, Submitted) and record.found_by == "answer"
    first = record.state in _FIRST_STATES and not answered
    if after is None:
        legal = first and record.attempt == 1
    elif record.attempt == after.attempt:
        legal = follows(after, record)
    else:
        legal = first and after.state in ENDS and record.attempt == after.attempt + 1
    if not legal:
        before = f"{after.state} (attempt {after.attempt})" if after else "nothing"
        raise LedgerError(f"{record.state} (attempt {record.attempt}) cannot follow {before}")

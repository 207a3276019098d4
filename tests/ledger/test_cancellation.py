"""A person cancels a run, and its job is cancelled with it: asked for once, counted as paid, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from tests.ledger.test_submission import old_claim, trainings
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.errors import ProviderUnavailable, TrainingOnHold
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.cancellation import answered_jobs, cancel_job
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.providers.base import Capabilities
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.records import Abandoned, Failed, RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission


class StoppableProvider(SegmindProvider):
    """One whose jobs stop when they are asked to, as the emulated one's do not."""

    capabilities: ClassVar[Capabilities] = SegmindProvider.capabilities.model_copy(update={"cancel": True})
    emulator: EmulatorControl
    dies: str = ""
    """Whether whoever asks dies `before` or `after` the effect."""
    asked: int = 0

    def cancel(self, job: Submission) -> bool:
        if self.dies == "before":
            raise ProviderUnavailable("nothing has arrived", provider=self.name)
        self.asked += 1
        status = self.get_job(job)
        if status.phase == "running":
            self.emulator.fail_job(job.job_id, "cancelled by its owner")
        if self.dies == "after":
            raise ProviderUnavailable("the answer is lost", provider=self.name)
        return status.phase == "running"


@pytest.fixture
def stoppable(emulator: EmulatorControl) -> StoppableProvider:
    emulator.progress(Progress.after_seconds(3600))
    provider = StoppableProvider(emulator.api_key, base_url=emulator.url)
    provider.emulator = emulator
    return provider


@pytest.fixture
def order(run: RunRecord, archive: DatasetArchive, stoppable: StoppableProvider, recipe: object) -> SubmitRequest:
    limits = SpendingLimits(cents_per_training=300)
    return SubmitRequest(run, recipe, stoppable.deliver("a-name", archive), limits)  # type: ignore[arg-type]


def submit(ledger: Ledger, provider: SegmindProvider, order: SubmitRequest) -> TrainingLog:
    submit_training(provider, TrainingLog.of(ledger, order.run), order)
    return TrainingLog.of(ledger, order.run)


def cancel(provider: SegmindProvider, training: TrainingLog, *, unwanted: bool = True) -> bool | None:
    answer = cancel_job(provider, training.reread(), "a-run", lambda: unwanted)
    return answer.accepted if answer else None


def poll(ledger: Ledger, provider: SegmindProvider, training: TrainingLog, run: RunRecord) -> str:
    assert training.job_id is not None
    record = record_progress(ledger, run, provider.get_job(Submission(job_id=training.job_id)))
    assert record is not None
    return record.state


def test_cancelled_job_counts_as_paid_and_another_attempt_is_submitted_only_with_approval(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, stoppable: StoppableProvider, emulator: EmulatorControl
) -> None:
    training = submit(ledger, stoppable, order)
    for _ in range(8):  # others wait for it for some time: one of those requests comes first by its name
        assert cancel(stoppable, training, unwanted=False) is None
    assert cancel(stoppable, training) is True
    assert poll(ledger, stoppable, training, run) == "abandoned"
    end = ledger.last(run.key)
    assert isinstance(end, Abandoned)
    assert (end.paid, end.cancelled_run) == (True, "a-run")
    budget = Budget(ledger, run.account, order.limits)
    assert budget.totals().cents == budget.spending(end.created_at.date()).cents == 300
    for attempt in (2, 3):
        assert choose_attempt(ledger, run.key, None) == attempt
        again = replace(order, run=run.model_copy(update={"attempt": attempt, "flow_run": "another-run"}))
        with pytest.raises(TrainingOnHold, match=f"a person has cancelled {training.name}"):
            submit(ledger, stoppable, again)
        if attempt == 2:  # rejected by a person, who has said nothing about the one after it
            held = TrainingLog.of(ledger, again.run)
            held.append_failure(again.run, Abandoned(**held.header(), reason="not now", paid=False))
    assert trainings(emulator) == 1
    submit(ledger, stoppable, replace(again, approval="the captions were right after all"))
    assert trainings(emulator) == 2


def test_failed_job_that_is_billed_counts_as_paid_and_another_attempt_is_submitted_only_with_approval(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    training = submit(ledger, provider, order)
    assert training.job_id is not None
    emulator.fail_job(training.job_id, "out of memory")
    status = provider.get_job(Submission(job_id=training.job_id)).model_copy(update={"billed": True})
    end = record_progress(ledger, run, status)
    assert isinstance(end, Abandoned)
    assert "out of memory" in end.reason
    assert Budget(ledger, run.account, order.limits).spending(end.created_at.date()).cents == 300
    assert choose_attempt(ledger, run.key, None) == 2
    again = replace(order, run=run.model_copy(update={"attempt": 2, "flow_run": "another-run"}))
    with pytest.raises(TrainingOnHold, match=f"{training.name} has failed and is billed"):
        submit(ledger, provider, again)
    assert trainings(emulator) == 1
    submit(ledger, provider, replace(again, approval="smaller images fit"))
    assert trainings(emulator) == 2


def test_reason_to_retrain_is_approval_enough_after_a_cancelled_job(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, stoppable: StoppableProvider, emulator: EmulatorControl
) -> None:
    training = submit(ledger, stoppable, order)
    cancel(stoppable, training)
    poll(ledger, stoppable, training, run)
    submit(ledger, stoppable, replace(order, run=run.model_copy(update={"attempt": 2, "retrain_reason": "why"})))
    assert trainings(emulator) == 2


@pytest.mark.parametrize("dies", ["before", "after"])
def test_whoever_dies_while_asking_is_followed_by_a_tick_that_asks_again_and_counts_it_as_cancelled(
    dies: str, ledger: Ledger, run: RunRecord, order: SubmitRequest, stoppable: StoppableProvider
) -> None:
    training = submit(ledger, stoppable, order)
    stoppable.dies = dies
    with pytest.raises(ProviderUnavailable):
        cancel(stoppable, training)
    assert answered_jobs(ledger) == set()
    stoppable.dies = ""
    assert cancel(stoppable, training) is (dies == "before")
    assert answered_jobs(ledger) == {training.name}
    assert poll(ledger, stoppable, training, run) == "abandoned"


def test_job_that_had_ended_when_it_was_to_stop_is_trained(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, stoppable: StoppableProvider, emulator: EmulatorControl
) -> None:
    training = submit(ledger, stoppable, order)
    emulator.progress(Progress.at_once())
    assert cancel(stoppable, training) is False
    assert poll(ledger, stoppable, training, run) == "trained"


def test_nobody_is_asked_where_another_run_has_come_to_wait_or_the_submit_is_ambiguous(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, stoppable: StoppableProvider
) -> None:
    training = submit(ledger, stoppable, order)
    assert cancel(stoppable, training, unwanted=False) is None
    assert ledger.cancel_request(training.name) is None
    other = run.model_copy(update={"key": "f" * 64})
    ledger.append(other.key, None, old_claim(other, timedelta(0)))
    assert cancel(stoppable, TrainingLog.of(ledger, other)) is None
    assert stoppable.asked == 0
    assert answered_jobs(ledger) == set()


@pytest.mark.parametrize("unwanted", [True, False], ids=["declined", "withdrawn"])
def test_request_that_was_declined_or_withdrawn_leaves_a_failure_of_the_jobs_own_unpaid(
    unwanted: bool,
    ledger: Ledger,
    run: RunRecord,
    order: SubmitRequest,
    stoppable: StoppableProvider,
    emulator: EmulatorControl,
) -> None:
    training = submit(ledger, stoppable, order)
    assert training.job_id is not None
    emulator.fail_job(training.job_id, "out of memory")
    assert not cancel(stoppable, training, unwanted=unwanted)
    assert list(ledger.store.names(f"cancelled-jobs/{training.name}/"))
    assert poll(ledger, stoppable, training, run) == "failed"
    day = training.header()["created_at"].date()
    assert Budget(ledger, run.account, order.limits).spending(day).cents == 0


def test_job_of_a_provider_that_cancels_nothing_goes_on_and_may_fail_unpaid(
    ledger: Ledger, run: RunRecord, order: SubmitRequest, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    training = submit(ledger, provider, order)
    assert cancel(provider, training) is False
    assert answered_jobs(ledger) == {training.name}
    assert poll(ledger, provider, training, run) == "submitted"
    assert training.job_id is not None
    emulator.fail_job(training.job_id, "out of memory")
    assert poll(ledger, provider, training, run) == "failed"
    assert isinstance(ledger.last(run.key), Failed)

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ledger.test_submission import SUBMIT, old_claim, trainings
from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    AmbiguousSubmit,
    DuplicateJob,
    RequestRejected,
)
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.evidence import why_not_again
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import find_submitted, record_job_id
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.operations.status import duplicate_jobs
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Claimed, Held, RunRecord, Submitted
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission


def can_take_over(ledger: Ledger, provider: SegmindProvider, run: RunRecord) -> bool:
    training = TrainingLog(ledger, run.key, 1)
    shown = provider.find(training.stem)
    return why_not_again(provider, training, run.credentials, shown) is None


def test_no_answer_and_no_job_leaves_the_claim_standing(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("cut_before_effect", SUBMIT, "POST"))
    with pytest.raises(AmbiguousSubmit):
        submit_training(
            provider,
            TrainingLog(ledger, run.key, 1),
            SubmitRequest(run, recipe, uploaded, SpendingLimits()),
        )
    assert isinstance(ledger.last(run.key), Claimed)
    assert not can_take_over(ledger, provider, run)


def test_stale_claim_is_taken_over_only_after_every_margin(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    early = run.model_copy(update={"key": "e" * 64})
    ledger.append(early.key, None, old_claim(early, timedelta(minutes=17)))
    assert not can_take_over(ledger, provider, early)
    ledger.append(run.key, None, old_claim(run, timedelta(minutes=19)))
    assert can_take_over(ledger, provider, run)
    submit_training(
        provider,
        TrainingLog(ledger, run.key, 1),
        SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits()),
    )
    assert trainings(emulator) == 1
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "claimed", "submitted"]


def test_stale_claim_whose_job_exists_is_adopted_not_paid_again(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    provider.submit(f"{run.key[:16]}-g1", recipe, provider.deliver("a-name", archive), Deadline(60))
    ledger.append(run.key, None, old_claim(run, timedelta(days=1)))
    assert not can_take_over(ledger, provider, run)
    found = find_submitted(provider, TrainingLog(ledger, run.key, 1))
    assert isinstance(found, Submitted)
    assert trainings(emulator) == 1


def test_refusal_after_an_approval_says_nothing_about_the_submit_that_was_in_doubt(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    ledger.append(run.key, claim, Held(created_at=now(), attempt=1, name=claim.name, reason="nobody can tell"))
    order = SubmitRequest(
        run, recipe, provider.deliver("a-name", archive), SpendingLimits(), approval="not in the console"
    )
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=400))
    with pytest.raises(RequestRejected):
        submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    last = ledger.last(run.key)
    assert isinstance(last, Held)
    assert "is still ambiguous" in last.reason
    assert choose_attempt(ledger, run.key, None) == 1


def test_job_that_shows_up_under_a_held_training_is_followed(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    ledger.append(run.key, claim, Held(created_at=now(), attempt=1, name=claim.name, reason="nobody can tell"))
    job_id = provider.submit(claim.name, recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    found = find_submitted(provider, TrainingLog(ledger, run.key, 1))
    assert isinstance(found, Submitted)
    assert (found.job_id, found.found_by) == (job_id, "list")


def test_second_job_of_one_name_is_recorded_and_named(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    uploaded = provider.deliver("a-name", archive)
    order = SubmitRequest(run, recipe, uploaded, SpendingLimits())
    submitted = submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    second = provider.submit(submitted.name, recipe, uploaded, Deadline(60)).job_id
    with pytest.raises(DuplicateJob, match=second):
        record_job_id(TrainingLog(ledger, run.key, 1), Submission(job_id=second), "answer")
    (double,) = duplicate_jobs(ledger)
    assert (double.job_id, double.followed) == (second, submitted.job_id)

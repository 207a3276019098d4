"""Segmind's jobs with two ids that differ: one job all the same, whichever of them is at hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.contract.rig import Rig
from tests.contract.test_watching import look, mine, moved
from tests.ledger.test_submission import old_claim
from tuneloop.clock import Deadline
from tuneloop.emulator import Fault
from tuneloop.errors import ConfigurationError, NotFoundAtProvider, ProviderUnavailable
from tuneloop.ledger.adoption import only_id
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import find_submitted, record_job_id
from tuneloop.ledger.training import TrainingLog
from tuneloop.operations.status import duplicate_jobs, orphaned_jobs
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.registry import ADOPTED, row_of
from tuneloop.schemas.recipe_fields import AdoptedRecipe, trainer_of
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import Submission

__all__ = ["mine"]  # a fixture
pytestmark = pytest.mark.parametrize(
    "rig", [trainer_of(kind) for kind in row_of("segmind").recipes], indirect=True
)


@pytest.fixture
def two(rig: Rig) -> Rig:
    if rig.emulator is None:
        pytest.skip("only the emulated service is known to have two ids for one job")
    rig.emulator.switch(two_ids=True)
    return rig


def trained(rig: Rig, name: str) -> tuple[str, str]:
    """The id that a submit has returned, and the job's other one."""
    uploaded = rig.provider.deliver("a-name", rig.archive)
    submitted = rig.provider.submit(name, rig.recipe, uploaded, Deadline(60)).job_id
    (job,) = [job for job in rig.provider.list_jobs().jobs if job.name == name]
    assert job.job_id == submitted
    (other,) = job.other_ids
    return submitted, other


def test_everything_asked_by_either_id_is_about_the_same_job(two: Rig) -> None:
    submitted, other = trained(two, "robot-g1")
    assert two.provider.list_jobs().shown == {submitted, other}
    for job_id in (submitted, other):
        status = two.provider.get_job(Submission(job_id=job_id))
        assert (status.name, status.phase, status.job_id) == ("robot-g1", "ready", submitted)
        assert two.provider.open_weights(Submission(job_id=job_id))[-1].size_bytes
        settings = two.recipe.services[0]()
        assert two.provider.render(
            TrainedModel(Submission(job_id=job_id)), "ROBOX in the rain", 7, settings, two.image
        ).data
        two.provider.set_visibility(Submission(job_id=job_id), public=True)
    assert two.trainings() == 1
    with pytest.raises(NotFoundAtProvider):
        two.provider.get_job(Submission(job_id="nobody"))


def test_list_that_cannot_be_had_proves_no_absence(two: Rig) -> None:
    assert two.emulator is not None
    two.emulator.inject(Fault("refuse", "/finetune/request/list", "GET", times=9, status=500))
    with pytest.raises(ProviderUnavailable):
        two.provider.get_job(Submission(job_id="nobody"))


def test_job_found_in_the_list_after_a_lost_answer_is_asked_for_and_collected(
    two: Rig, ledger: Ledger, mine: RunRecord
) -> None:
    ledger.append(mine.key, None, old_claim(mine, timedelta(0)))
    training = TrainingLog(ledger, mine.key, 1)
    trained(two, training.name)
    found = find_submitted(two.provider, training)
    assert found is not None
    assert moved(look(two, ledger)) == [mine.flow_run]
    assert TrainingLog(ledger, mine.key, 1).last.state == "trained"  # type: ignore[union-attr]
    assert orphaned_jobs(ledger, two.provider) == []


@pytest.mark.parametrize("recorded", ["submitted", "other"])
def test_job_that_is_recorded_by_either_id_is_followed_and_is_no_duplicate(
    two: Rig, ledger: Ledger, mine: RunRecord, recorded: str
) -> None:
    ledger.append(mine.key, None, old_claim(mine, timedelta(0)))
    training = TrainingLog(ledger, mine.key, 1)
    submitted, other = trained(two, training.name)
    known = submitted if recorded == "submitted" else other
    record_job_id(training, Submission(job_id=known), "answer")
    assert orphaned_jobs(ledger, two.provider) == []
    tick = look(two, ledger)
    assert (moved(tick), tick.problems) == ([mine.flow_run], [])
    assert TrainingLog(ledger, mine.key, 1).last.state == "trained"  # type: ignore[union-attr]
    assert duplicate_jobs(ledger) == []
    assert orphaned_jobs(ledger, two.provider) == []


def adopted(rig: Rig, job_id: str) -> AdoptedRecipe:
    return ADOPTED[rig.name](job_id=job_id)


def test_fine_tune_is_adopted_as_one_by_either_id(two: Rig) -> None:
    submitted, other = trained(two, "robot-g1")
    assert [only_id(two.provider, adopted(two, job_id)) for job_id in (submitted, other)] == [submitted, submitted]
    with pytest.raises(ConfigurationError, match="no fine-tune nobody"):
        only_id(two.provider, adopted(two, "nobody"))

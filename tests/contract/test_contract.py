"""What every provider must do, whoever it is. `LIVE=<name> make test-live` asks the real one."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contract.rig import Rig
from tuneloop.clock import Deadline
from tuneloop.emulator import Fault, Progress
from tuneloop.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderUnavailable,
    RateLimited,
)
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.base import TrainedModel
from tuneloop.schemas.training import JobStatus, Submission

pays = pytest.mark.pays


def submit(rig: Rig, name: str) -> Submission:
    dataset = rig.provider.deliver(name, rig.archive)
    return rig.provider.submit(name, rig.recipe, dataset, Deadline(60))


def ended(rig: Rig, job: Submission) -> JobStatus:
    status = rig.provider.get_job(job)
    for _ in range(10):
        if status.phase in {"ready", "failed"}:
            break
        status = rig.provider.get_job(job)
    return status


def test_upload_costs_nothing_and_is_of_the_known_size(rig: Rig) -> None:
    uploaded = rig.provider.deliver("a-name", rig.archive)
    assert uploaded.size_bytes == rig.archive.size_bytes
    assert (uploaded.address is not None) is rig.provider.capabilities.upload


def test_preparing_is_free_and_may_be_repeated(rig: Rig) -> None:
    for _ in range(2):
        rig.provider.prepare("0123456789abcdef-g1", rig.recipe)
    if rig.emulator is not None:
        assert rig.emulator.billing() == []


def test_price_names_what_it_was_computed_from(rig: Rig) -> None:
    price = rig.provider.price(rig.recipe, None)
    assert price is None or (price.cents > 0 and price.basis)


def test_a_name_that_nobody_used_is_not_found(rig: Rig) -> None:
    assert rig.provider.find(f"nobody-{uuid4().hex}").jobs == ()


def test_clock_is_compared_with_the_providers_own(rig: Rig) -> None:
    rig.provider.list_jobs()
    assert rig.provider.clock_offset_s is not None
    assert abs(rig.provider.clock_offset_s) < 30


def test_an_unknown_job_is_no_evidence_of_anything(rig: Rig) -> None:
    try:
        status = rig.provider.get_job(Submission(job_id=str(uuid4())))
    except NotFoundAtProvider:
        return
    assert status.phase == "running"


def test_a_wrong_key_is_refused_without_showing_it(rig: Rig) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        rig.stranger.list_jobs()
    assert "no-key" not in str(caught.value)


@pays
def test_job_is_found_by_its_name_and_becomes_ready(rig: Rig) -> None:
    job = submit(rig, "0123456789abcdef-g1")
    assert [found.job_id for found in rig.provider.find("0123456789abcdef").jobs] == [job.job_id]
    assert ended(rig, job).phase == "ready"


@pays
def test_job_is_cancelled_exactly_where_the_provider_says_so(rig: Rig) -> None:
    if rig.emulator is not None:
        rig.emulator.progress(Progress.after_seconds(3600))
    cancelled = rig.provider.cancel(submit(rig, "0123456789abcdef-g1"))
    assert cancelled is rig.provider.capabilities.cancel


@pays
def test_weights_are_handed_out_exactly_where_the_provider_says_so(rig: Rig) -> None:
    job = submit(rig, "0123456789abcdef-g1")
    ended(rig, job)
    if rig.provider.capabilities.weights:
        source = rig.provider.open_weights(job)[-1]
        with source.read(0, None) as chunks:
            assert sum(map(len, chunks)) == source.size_bytes
    else:
        with pytest.raises(ConfigurationError, match="no weights"):
            rig.provider.open_weights(job)[-1]


@pays
def test_every_service_of_the_recipe_renders(rig: Rig) -> None:
    job = submit(rig, "0123456789abcdef-g1")
    ended(rig, job)
    for service in rig.recipe.services:
        image = rig.provider.render(TrainedModel(job), "ROBOX in the rain", 7, service(), rig.image)
        assert len(image.data) > 500


@pays
def test_visibility_is_set_exactly_where_the_provider_says_so(rig: Rig) -> None:
    job = submit(rig, "0123456789abcdef-g1")
    if rig.provider.capabilities.visibility:
        rig.provider.set_visibility(job, public=True)
        rig.provider.set_visibility(job, public=False)
    else:
        with pytest.raises(ConfigurationError, match="leave its visibility unchanged"):
            rig.provider.set_visibility(job, public=True)


@pytest.fixture
def emulated(rig: Rig) -> Rig:
    if rig.emulator is None:
        pytest.skip("faults are made by the emulator only")
    return rig


def break_submit(rig: Rig, fault: str, status: int = 500) -> None:
    assert rig.emulator is not None
    # The dataset has been delivered: the next POST is the submit.
    rig.emulator.inject(Fault(fault, "/", "POST", status=status))  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", ["cut_after_effect", "fail_after_effect"])
def test_paid_post_is_not_resent_when_its_answer_is_lost(emulated: Rig, fault: str) -> None:
    dataset = emulated.provider.deliver("0123456789abcdef-g1", emulated.archive)
    break_submit(emulated, fault)
    with pytest.raises(ProviderUnavailable) as caught:
        emulated.provider.submit("0123456789abcdef-g1", emulated.recipe, dataset, Deadline(60))
    assert not isinstance(caught.value, RequestNotSent | RateLimited)
    assert emulated.trainings() == 1
    assert len(emulated.provider.find("0123456789abcdef").jobs) == 1


def test_past_the_deadline_nothing_is_submitted(emulated: Rig) -> None:
    dataset = emulated.provider.deliver("0123456789abcdef-g1", emulated.archive)
    with pytest.raises(RequestNotSent, match="deadline"):
        emulated.provider.submit("0123456789abcdef-g1", emulated.recipe, dataset, Deadline(0))
    assert emulated.trainings() == 0


def test_too_many_requests_are_told_apart_from_an_outage(emulated: Rig) -> None:
    dataset = emulated.provider.deliver("0123456789abcdef-g1", emulated.archive)
    break_submit(emulated, "refuse", 429)
    with pytest.raises(RateLimited):
        emulated.provider.submit("0123456789abcdef-g1", emulated.recipe, dataset, Deadline(60))
    assert emulated.trainings() == 0


def test_no_credits_is_said_as_such(emulated: Rig) -> None:
    dataset = emulated.provider.deliver("0123456789abcdef-g1", emulated.archive)
    break_submit(emulated, "refuse", 402)
    with pytest.raises(InsufficientCredits, match="credits"):
        emulated.provider.submit("0123456789abcdef-g1", emulated.recipe, dataset, Deadline(60))
    assert emulated.trainings() == 0

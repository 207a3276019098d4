"""Replicate's client: what it sends, reads and refuses, against the documented exchanges and the emulator."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.emulator.replicate_caller import FLUX, OWNER, QWEN, ReplicateCaller
from tests.emulator.segmind_caller import dataset
from tests.providers.replicate.jobs import FLUX_RECIPE, KEY, NAME, QWEN_RECIPE, Zip, submit
from tests.wire.exchanges import Exchange, exchange, exchanges
from tests.wire.replay import replaying
from tuneloop.clock import Deadline, now
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientCredits,
    NotFoundAtProvider,
    RateLimited,
    RequestRejected,
)
from tuneloop.providers.base import DeliveredDataset
from tuneloop.providers.replicate.client import ReplicateProvider
from tuneloop.providers.replicate.jobs import status_of
from tuneloop.providers.replicate.recipes import (
    ReplicateRecipe,
)
from tuneloop.schemas.training import Submission


@pytest.mark.parametrize(
    ("recipe", "documented"),
    [(FLUX_RECIPE, "a FLUX training"), (QWEN_RECIPE, "a Qwen training with a webhook")],
    ids=["flux", "qwen"],
)
def test_submit_sends_what_is_documented_and_the_name_in_an_input_without_effect(
    recipe: ReplicateRecipe, documented: str
) -> None:
    found = exchange("replicate", documented)
    page = found.request.body
    with replaying(found) as replay:
        client = ReplicateProvider(KEY, owner=OWNER, base_url=replay.url, webhook=page.get("webhook"))
        job = client.submit(NAME, recipe, DeliveredDataset("${file_url}", 1), Deadline(60))
    (received,) = replay.received
    assert (received.method, received.path) == (found.request.method, found.request.path)
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(received.body) == {**page, "destination": f"{OWNER}/tuneloop-{recipe.trainer}"}
    assert job == Submission(job_id=found.response.body["id"])


def test_official_client_sees_what_ours_has_made(
    provider: ReplicateProvider, emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    job = submit(provider)
    (theirs,) = caller.client.trainings.list()
    assert theirs.input
    assert (theirs.id, theirs.status, theirs.input["wandb_run"]) == (job.job_id, "starting", NAME)
    (file,) = caller.client.files.list()
    assert (file.name, file.urls["get"]) == (f"{NAME}.zip", theirs.input["input_images"])
    assert provider.cancel(job)
    theirs.reload()
    assert theirs.status == "canceled"
    ours = provider.get_job(job)
    assert (ours.phase, ours.known, ours.error_message) == ("failed", True, "Replicate says canceled")


def test_destination_is_made_once_privately_and_a_race_for_it_does_no_harm(
    provider: ReplicateProvider, emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    emulator.inject(Fault("fail_after_effect", "/v1/models", "POST", status=409))
    for _ in range(2):
        provider.prepare(NAME, FLUX_RECIPE)
    model = caller.client.models.get(f"{OWNER}/tuneloop-replicate-flux-lora")
    assert model.visibility == "private"
    made = [entry for entry in emulator.requests() if (entry.method, entry.path) == ("POST", "/v1/models")]
    assert len(made) == 1


def test_destination_that_cannot_be_made_is_refused_as_the_provider_says(emulator: EmulatorControl) -> None:
    stranger = ReplicateProvider(emulator.api_key, owner="somebody-else", base_url=emulator.url)
    with pytest.raises(AuthenticationFailed, match="owner in the credentials block"):
        stranger.prepare(NAME, FLUX_RECIPE)


def test_version_that_is_gone_stops_before_anything_is_uploaded(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", "/v1/models/ostris", "GET", status=404))
    with pytest.raises(ConfigurationError, match=r"no version 26dce37a of ostris.*newer Tuneloop"):
        provider.prepare(NAME, FLUX_RECIPE)


def test_submit_to_a_destination_that_was_deleted_is_refused_and_says_what_to_do(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    uploaded = provider.deliver(NAME, Zip(dataset()))
    with pytest.raises(RequestRejected, match="run again, and it is made"):
        provider.submit(NAME, FLUX_RECIPE, uploaded, Deadline(60))
    assert emulator.billing() == []


def test_list_is_read_page_after_page(provider: ReplicateProvider, emulator: EmulatorControl) -> None:
    jobs = [submit(provider, name=f"{number:016x}-g1") for number in range(2)]
    emulator.switch(list_copies=60)
    before = provider.requests_made
    found = provider.list_jobs()
    assert provider.requests_made - before == 2
    assert {job.job_id: job.name for job in found.jobs} == {
        jobs[0].job_id: "0000000000000000-g1",
        jobs[1].job_id: "0000000000000001-g1",
    }
    assert found.list_is_complete
    assert [job.job_id for job in provider.find("0000000000000001").jobs] == [jobs[1].job_id]


@pytest.mark.parametrize("word", ["aborted", "canceled", "Something went wrong"])
def test_every_bad_end_is_one_with_its_reason(
    provider: ReplicateProvider, emulator: EmulatorControl, word: str
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    job = submit(provider)
    emulator.fail_job(job.job_id, word)
    status = provider.get_job(job)
    expected = word if word.startswith("Something") else f"Replicate says {word}"
    assert (status.phase, status.known, status.error_message) == ("failed", True, expected)
    assert status.changed_at is not None
    assert abs(status.changed_at - now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("word", "ran_s", "billed"),
    [
        ("canceled", 0, True),
        ("failed", 3.5, True),
        ("failed", 0, False),
        ("failed", None, False),
        ("aborted", 0, False),
    ],
)
def test_bad_end_is_billed_where_the_training_may_have_run(word: str, ran_s: float | None, billed: bool) -> None:
    row = {"id": "a-job", "status": word, "metrics": {"predict_time": ran_s} if ran_s is not None else {}}
    assert status_of(row, ()).billed is billed


def test_training_that_is_answered_404_for_a_while_is_itself_afterwards(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    job = submit(provider)
    emulator.inject(Fault("refuse", "/v1/trainings", "GET", status=404))
    with pytest.raises(NotFoundAtProvider):
        provider.get_job(job)
    assert provider.get_job(job).phase == "ready"


PROBLEMS = {
    "a destination that does not exist": RequestRejected,
    "a version that is gone": RequestRejected,
    "steps out of range": RequestRejected,
    "a wrong token": AuthenticationFailed,
    "no credit": InsufficientCredits,
    "too many requests": RateLimited,
    "an unknown training": NotFoundAtProvider,
}


@pytest.mark.parametrize(
    "documented",
    [found for found in exchanges("replicate") if found.name in PROBLEMS],
    ids=lambda documented: documented.name,
)
def test_documented_problem_is_the_error_that_it_means(documented: Exchange) -> None:
    with replaying(documented) as replay:
        client = ReplicateProvider(KEY, owner=OWNER, base_url=replay.url)
        with pytest.raises(PROBLEMS[documented.name]) as caught:
            client.submit(NAME, FLUX_RECIPE, DeliveredDataset("https://example.com/a.zip", 1), Deadline(60))
    assert type(caught.value) is PROBLEMS[documented.name]
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 60


def test_price_is_an_estimate_by_the_steps() -> None:
    short, long = FLUX_RECIPE.price(), FLUX_RECIPE.model_copy(update={"steps": 3_000}).price()
    assert short.cents < long.cents
    assert "an estimate" in short.source
    assert "as of 2026-11-20" in short.source


def test_trainers_are_those_that_the_official_client_was_tried_with() -> None:
    assert [f"{recipe.trained_on}:{recipe.version}" for recipe in (FLUX_RECIPE, QWEN_RECIPE)] == [FLUX, QWEN]

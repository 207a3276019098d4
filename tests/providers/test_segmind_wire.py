"""Our client against the documented exchanges: it sends what is documented, and understands the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.exchanges import Exchange, exchange, exchanges
from tests.wire.replay import Replay, replaying
from tuneloop.clock import Deadline
from tuneloop.errors import ProviderError, ProviderUnavailable, RequestRejected, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.providers.base import DeliveredDataset, TrainedModel
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.errors import map_error
from tuneloop.providers.segmind.jobs import PHASES
from tuneloop.providers.segmind.recipes import (
    FluxDevRender,
    FluxLoraAdvanced,
    FluxLoraRecipe,
    KontextLoraRecipe,
    QwenLoraRecipe,
)
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.training import Submission

KEY = "SG_0123456789abcdef"


class Nothing:
    """An archive of one byte."""

    size_bytes = 1

    def chunks(self) -> Iterator[bytes]:
        yield b"x"

    def url(self) -> str | None:
        return None


def client(replay: Replay) -> SegmindProvider:
    return SegmindProvider(KEY, base_url=replay.url)


def assert_sent_as_documented(replay: Replay, documented: Exchange, *, body: bool = True) -> dict[str, Any]:
    received = replay.received[0]
    assert (received.method, received.path) == (documented.request.method, documented.request.path)
    assert received.headers["x-api-key"] == KEY
    if not body:
        return {}
    assert received.headers["content-type"] == "application/json"
    sent = json.loads(received.body)
    assert isinstance(sent, dict)
    assert sent.keys() == documented.request.body.keys()
    return sent


def test_submit_sends_every_documented_field_and_reads_the_id() -> None:
    documented = exchange("segmind", "a training")
    page = documented.request.body
    recipe = FluxLoraRecipe(
        instance_prompt=page["instance_prompt"],
        trigger_word=page["trigger_word"],
        machine_type=page["machine_type"],
        advance_parameters=FluxLoraAdvanced(**page["advance_parameters"]),
    )
    dataset = DeliveredDataset("https://example.invalid/d.zip", 1)
    with replaying(documented) as replay:
        job_id = client(replay).submit("harbour", recipe, dataset, Deadline(60)).job_id
    sent = assert_sent_as_documented(replay, documented)
    assert {**sent, "data_source_path": page["data_source_path"]} == page
    assert job_id == documented.response.body["finetune_id"]
    assert len(replay.received) == 1


@pytest.mark.parametrize(
    "recipe",
    [
        FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX"),
        KontextLoraRecipe(instance_prompt="give the robot a hat"),
        QwenLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX"),
    ],
    ids=lambda recipe: recipe.trainer,
)
def test_advance_parameters_are_sent_even_where_none_is_set(recipe: BaseRecipe) -> None:
    dataset = DeliveredDataset("https://example.invalid/d.zip", 1)
    with replaying(exchange("segmind", "a training")) as replay:
        client(replay).submit("harbour", recipe, dataset, Deadline(60))
    assert json.loads(replay.received[0].body)["advance_parameters"] == {}


def test_details_and_list_are_read_alike() -> None:
    documented = exchange("segmind", "details of a finished training")
    with replaying(documented) as replay:
        status = client(replay).get_job(Submission(job_id="an id"))
    assert assert_sent_as_documented(replay, documented) == {"request_id": "an id"}
    with replaying(exchange("segmind", "the list")) as replay:
        jobs = client(replay).list_jobs()
    # Only the details tell when the state was reached.
    assert jobs.jobs == (status.model_copy(update={"changed_at": None}),)
    assert status.changed_at is not None
    assert status.phase == "ready"


def test_weights_link_is_asked_for_with_a_multipart_form() -> None:
    details = exchange("segmind", "details of a finished training")
    with replaying(details) as replay, pytest.raises(UnexpectedResponse):
        client(replay).open_weights(Submission(job_id="an id"))[-1]
    form = replay.received[1]
    assert (form.method, form.path) == ("GET", "/finetune/request/file/download")
    assert form.headers["content-type"].startswith("multipart/form-data")
    assert re.search(rb'name="cloud_storage_url"\r\n\r\n\S+/harbour\.safetensors\r\n', form.body)


def test_image_is_asked_for_with_every_documented_field() -> None:
    documented = exchange("segmind", "an image")
    page = documented.request.body
    settings_ = {key: value for key, value in page.items() if key not in {"prompt", "seed", "finetune_id"}}
    with replaying(documented) as replay:
        image = client(replay).render(
            TrainedModel(Submission(job_id="an id")), page["prompt"], page["seed"], FluxDevRender(**settings_)
        )
    sent = assert_sent_as_documented(replay, documented)
    assert {**sent, "finetune_id": page["finetune_id"]} == page
    assert image.suffix == ".jpg"
    assert image.data == documented.response.content("")


@pytest.mark.parametrize(
    "documented",
    [item for item in exchanges("segmind") if item.response.status >= 400 and item.response.status != 429],
    ids=lambda item: item.name,
)
def test_every_documented_refusal_is_an_error_of_ours_that_says_who_and_what(documented: Exchange) -> None:
    answer = Response("segmind", documented.response.status, {}, documented.response.content(""), (KEY,))
    error = map_error(answer)
    expected: type[ProviderError] = ProviderUnavailable if documented.response.status >= 500 else RequestRejected
    if documented.response.status == 416:
        expected = UnexpectedResponse  # storage's own, which we never cause
    assert isinstance(error, expected)
    assert f"provider segmind; status {documented.response.status}" in str(error)


@settings(max_examples=300)
@given(status=st.integers(200, 599), body=st.binary(max_size=2000), header=st.text(max_size=40))
def test_any_body_under_any_status_is_an_error_of_ours(status: int, body: bytes, header: str) -> None:
    headers = {"x-rate-limit-reset-at-utc": header}
    error = map_error(Response("segmind", status, headers, body + KEY.encode(), (KEY,)))
    assert isinstance(error, ProviderError)
    assert KEY not in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)
fields = st.sampled_from(["id", "request_id", "finetune_id", "name", "status", "error_message", "finetune"])
documents = json_values | st.dictionaries(fields, json_values) | st.lists(st.dictionaries(fields, json_values))


@settings(max_examples=40, deadline=None)
@given(document=documents)
def test_any_json_in_place_of_an_answer_is_read_or_is_an_error_of_ours(document: Any) -> None:
    odd = exchange("segmind", "the list")
    odd = Exchange(odd.name, odd.source, odd.request, type(odd.response)(200, "application/json", body=document))
    with replaying(odd) as replay:
        provider = client(replay)
        for ask in (provider.list_jobs, lambda: provider.get_job(Submission(job_id="an id"))):
            try:
                ask()
            except ProviderError as error:
                assert error.status == 200  # noqa: PT017 - most documents are read without an error


def test_documented_words_and_no_others_are_known() -> None:
    assert set(PHASES) >= {"REQUESTED", "TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE", "FAILED"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/finetune-pipeline.s3.amazonaws.com/a.zip",
        "https://s3.amazonaws.com.evil.example/a.zip",
        "http://finetune-pipeline.s3.amazonaws.com/a.zip",
        "https://finetune-pipeline.s3.amazonaws.com@evil.example/a.zip",
        "file:///etc/passwd",
    ],
)
def test_address_on_another_host_is_not_followed(url: str) -> None:
    documented = exchange("segmind", "a place to upload")
    body = {"presigned_url": f"{url}?X-Amz-Signature=00", "s3_url": url}
    response = type(documented.response)(200, "application/json", body=body)
    lying = Exchange(documented.name, documented.source, documented.request, response)

    with replaying(lying) as replay, pytest.raises(UnexpectedResponse, match="not Segmind's storage"):
        client(replay).deliver("a-name", Nothing())
    assert len(replay.received) == 1

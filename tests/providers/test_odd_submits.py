"""Which answers to a submit say that nothing was accepted, and which say nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import recipe_named
from tests.http.speaking import saying, speaking
from tests.providers.test_bfl import ThreeBytes
from tuneloop.clock import Deadline
from tuneloop.errors import (
    InsufficientCredits,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.providers.base import DeliveredDataset, Provider
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe
from tuneloop.providers.fal.client import FalProvider
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.recipe_fields import BaseRecipe

KEY = "SG_0123456789abcdef"
RECIPES: dict[type[Provider], BaseRecipe] = {
    SegmindProvider: FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX"),
    BflProvider: BflFinetuneRecipe(mode="product"),
    FalProvider: recipe_named("fal-flux-lora"),
}
each_provider = pytest.mark.parametrize("client", [SegmindProvider, BflProvider, FalProvider])


def submit(
    client: type[SegmindProvider | BflProvider | FalProvider], status: str, body: Any, *headers: str
) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    dataset = DeliveredDataset("https://example.invalid/d.zip", 1, ThreeBytes())
    with speaking(saying(status, data, *headers)) as server:
        provider = client(KEY, base_url=server.url)
        return provider.submit("n-g1", RECIPES[client], dataset, Deadline(60)).job_id


@each_provider
@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (402, InsufficientCredits, "top it up"),
        (407, RequestRejected, "proxy"),
        (409, RequestRejected, "job of this name"),
        (411, RequestRejected, "proxy"),
        (413, RequestRejected, "smaller images"),
        (414, RequestRejected, "base URL"),
        (415, RequestRejected, "base URL"),
        (431, RequestRejected, "headers"),
        (301, RequestRejected, "points to moved.example.com instead.*base URL"),
        (302, RequestRejected, "base URL"),
        (307, RequestRejected, "base URL"),
        (308, RequestRejected, "base URL"),
    ],
)
def test_refusal_of_a_submit_says_what_to_do(
    client: type[SegmindProvider | BflProvider | FalProvider], status: int, kind: type[ProviderError], remedy: str
) -> None:
    with pytest.raises(kind, match=f"(?s){remedy}.*status {status}.*too much") as caught:
        submit(client, f"{status} No", {"error": "too much"}, "Location: https://moved.example.com/v1?key=1")
    assert type(caught.value) is kind


@each_provider
@pytest.mark.parametrize("status", [408, 418, 425, 303, 500, 502, 503, 504])
def test_answer_that_may_come_from_in_between_refuses_nothing(
    client: type[SegmindProvider | BflProvider | FalProvider], status: int
) -> None:
    with pytest.raises(UnexpectedResponse if status < 500 else ProviderUnavailable):
        submit(client, f"{status} No", b"<html>")


@pytest.mark.parametrize("client", [SegmindProvider, BflProvider])
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
@pytest.mark.parametrize(
    "body", [{"id": "j"}, {"id": 4711}, {"data": {"finetune_id": "j"}}, {"error": None, "finetune": {"id": "j"}}]
)
def test_id_of_what_was_paid_is_found(
    client: type[SegmindProvider | BflProvider], status: str, body: dict[str, Any]
) -> None:
    assert submit(client, status, body) in {"j", "4711"}


@each_provider
@pytest.mark.parametrize(
    "body",
    [
        {"error": "Insufficient credits"},
        {"detail": "Insufficient credits", "id": None},
        {"message": "Insufficient credits", "finetune_id": ""},
        {"error": "Insufficient credits", "data": {}},
        "Insufficient credits",
        b"Insufficient credits",
    ],
)
def test_success_without_an_id_is_unexpected_and_shows_what_came(
    client: type[SegmindProvider | BflProvider | FalProvider], body: Any
) -> None:
    with pytest.raises(UnexpectedResponse, match="Insufficient credits") as caught:
        submit(client, "200 OK", body)
    assert caught.value.status == 200
    assert "Insufficient credits" in caught.value.excerpt


def test_long_refusal_that_echoes_the_request_names_the_field_only() -> None:
    detail = {"type": "value_error", "loc": ["body", "file_data"], "msg": "Suspicious", "input": "UEsDB " * 50_000}
    with pytest.raises(RequestRejected, match=r"file_data.*Suspicious") as caught:
        submit(BflProvider, "422 No", {"detail": [detail]})
    assert "UEsDB" not in str(caught.value)

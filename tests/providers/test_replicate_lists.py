"""Replicate's list of trainings: its pages, its rows, and what an absence proves."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from typing import Any

import pytest

from tests.http.speaking import saying, speaking
from tuneloop.clock import moment_of
from tuneloop.errors import (
    UnexpectedResponse,
)
from tuneloop.providers.replicate.client import ReplicateProvider
from tuneloop.providers.replicate.recipes import (
    ReplicateFluxLoraRecipe,
)

KEY = "r8_0123456789abcdef0123456789abcdef01234"
NAME = "0123456789abcdef-g1"
FLUX_RECIPE = ReplicateFluxLoraRecipe(steps=300)


def test_next_page_on_another_host_is_not_asked_for_and_gets_no_token() -> None:
    with speaking(saying("200 OK", b"{}")) as elsewhere:
        page: dict[str, Any] = {"next": f"{elsewhere.url}/v1/trainings?cursor=1", "previous": None, "results": []}
        with speaking(saying("200 OK", json.dumps(page).encode())) as server:
            client = ReplicateProvider(KEY, base_url=server.url)
            with pytest.raises(UnexpectedResponse, match="next is no address on the API's own host"):
                client.list_jobs()
    assert elsewhere.requests == []


def test_pages_behind_a_proxy_are_asked_for_at_the_proxy() -> None:
    following = "https://api.replicate.com/v1/trainings?cursor=abc"
    pages = iter([page_of(next=following), page_of()])

    def reply(connection: socket.socket) -> None:
        saying("200 OK", next(pages))(connection)

    with speaking(reply) as proxy:
        assert ReplicateProvider(KEY, base_url=proxy.url).list_jobs().list_is_complete
    assert proxy.requests[1].startswith(b"GET /v1/trainings?cursor=abc ")


def page_of(*rows: Any, **fields: Any) -> bytes:
    return json.dumps({"next": None, "previous": None, "results": rows, **fields}).encode()


ROW = {
    "id": "abc", "model": FLUX_RECIPE.trained_on, "status": "processing", "input": {"wandb_run": NAME},
    "created_at": "2026-11-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "proves"),
    [
        ({**ROW, "input": {"input_images": "https://example.com"}}, True),
        ({**ROW, "input": {"wandb_run": "the user's own"}}, True),
        ({**ROW, "model": "stability-ai/sdxl", "input": {}}, True),
        ({**ROW, "input": {}}, False),
        ({**ROW, "input": None}, False),
        ({**ROW, "input": {"wandb_run": NAME[:12]}}, False),
        ({**ROW, "model": None}, False),
    ],
    ids=["no name", "a name of theirs", "another trainer", "removed", "null", "cut", "no model"],
)
def test_absence_from_a_list_proves_something_only_where_every_training_shows_its_name(
    row: dict[str, Any], proves: bool
) -> None:
    with speaking(saying("200 OK", page_of(row))) as server:
        client = ReplicateProvider(KEY, base_url=server.url)
        assert client.find("0123456789abcdef").list_is_complete is proves
        # A training that is older than the one that is looked for is not that one.
        made = moment_of(ROW["created_at"])
        assert made is not None
        assert client.find("0123456789abcdef", made + timedelta(seconds=61)).list_is_complete


def test_rows_that_cannot_be_read_hide_no_others_and_prove_that_they_were_accepted() -> None:
    rows = [ROW, None, "x", {**ROW, "id": None, "input": {"wandb_run": "fedcba9876543210-g2"}}, {"id": "d"}]
    with speaking(saying("200 OK", page_of(*rows))) as server:
        found = ReplicateProvider(KEY, base_url=server.url).list_jobs()
    assert [(job.job_id, job.name, job.phase) for job in found.jobs] == [("abc", NAME, "running")]
    assert list(found.unreadable) == ["fedcba9876543210-g2"]
    assert len(found.notes) == 3
    assert not found.list_is_complete


def test_page_that_does_not_say_whether_there_is_another_is_not_complete() -> None:
    with speaking(saying("200 OK", json.dumps({"results": []}).encode())) as server:
        assert not ReplicateProvider(KEY, base_url=server.url).list_jobs().list_is_complete

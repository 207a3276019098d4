"""Where a person opens a page of a store."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests

from tests.waiting import LIMIT_S
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.page_link import page_link
from tuneloop.storage.s3 import S3Store, client_config

PAGE = "models/robot/reports/a-vs0001.html"


def test_signed_link_opens_a_page_on_s3_as_a_page_for_a_week_and_no_longer(s3_store: S3Store) -> None:
    s3_store.create(PAGE, b"<h1>robot</h1>")
    link = page_link(s3_store, PAGE)
    answer = requests.get(link.address, timeout=LIMIT_S)
    assert (answer.text, answer.headers["Content-Type"]) == ("<h1>robot</h1>", "text/html; charset=utf-8")
    assert parse_qs(urlsplit(link.address).query)["X-Amz-Expires"] == ["604800"]
    assert link.note.startswith("anybody who has this link can open it until 20")
    assert link.to_markdown("Open it").startswith(f"[Open it]({link.address}) (anybody ")


def test_link_that_temporary_keys_have_signed_says_that_it_ends_with_them(s3_endpoint: str, bucket: str) -> None:
    session = boto3.session.Session("a", "b", "c", "us-east-1")
    store = S3Store(session.client("s3", endpoint_url=s3_endpoint, config=client_config()), bucket)
    assert page_link(store, PAGE).note.endswith(", or until the store's temporary keys expire")


def test_page_in_a_folder_is_linked_where_its_server_is_named(
    local_store: LocalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = local_store.uri_of(PAGE)
    unserved = page_link(local_store, PAGE)
    assert unserved.to_markdown("Open it") == f"Open it: `{path}` (for a link, run `tuneloop reports --serve`)"
    for named in ("http://127.0.0.1:8789", "http://127.0.0.1:8789/"):
        monkeypatch.setenv("TUNELOOP_REPORTS_URL", named)
        assert page_link(local_store, PAGE).text == f"http://127.0.0.1:8789/{PAGE}"
    monkeypatch.setenv("TUNELOOP_REPORTS_URL", "https://reports.example.org/robots/")
    assert page_link(local_store, PAGE).to_markdown("It") == f"[It](https://reports.example.org/robots/{PAGE})"

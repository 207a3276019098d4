"""What may cross a network readable: nothing that has a key or a signature, unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr, ValidationError

from blocks.bfl_credentials import BflCredentials
from tests.s3_server import s3_client
from tuneloop.cli.store_address import store_at
from tuneloop.cli.webhooks import show_addresses
from tuneloop.datasets.sources.s3 import default_client
from tuneloop.errors import TuneloopError
from tuneloop.orchestration.blocks import open_provider, store_of
from tuneloop.storage.s3 import S3Store

ELSEWHERE = "http://minio.example:9000"
PATH = "hooks/bfl/secret-path-0123456789"


def s3_store(endpoint: str) -> S3Store:
    return S3Store(s3_client(endpoint), "bucket")


def of_prefect(open_block: Callable[[str], object], slug: str) -> None:
    with temporary_settings({PREFECT_API_URL: "http://minio.example:4200/api"}):
        open_block(slug)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_S3_ENDPOINT", ELSEWHERE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", ELSEWHERE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (lambda: s3_store(ELSEWHERE), "the store s3://bucket is at http://minio.example"),
        (lambda: store_at("s3://bucket/loras"), "the store s3://bucket is at http://minio.example"),
        (lambda: default_client("images"), "the S3 server is at http://minio.example"),
        (lambda: of_prefect(open_provider, "bfl-credentials/x"), "the Prefect server is at http://minio.example"),
        (lambda: of_prefect(store_of, "s3-bucket/x"), "the Prefect server is at http://minio.example"),
    ],
)
def test_plain_http_to_another_machine_is_refused(use: Callable[[], object], what: str) -> None:
    with pytest.raises(
        TuneloopError, match=f"{what}, so anyone .* use https://, or set TUNELOOP_ALLOW_PLAIN_HTTP"
    ):
        use()


def test_store_in_a_private_network_is_allowed_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_ALLOW_PLAIN_HTTP", "true")
    assert s3_store(ELSEWHERE).uri == "s3://bucket"
    assert default_client("images").meta.endpoint_url == ELSEWHERE


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "http://localhost:9000", "https://s3.example.com"])
def test_store_on_this_machine_or_over_https_needs_no_setting(endpoint: str) -> None:
    assert s3_store(endpoint).uri == "s3://bucket"


def test_base_url_over_plain_http_is_refused_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_ALLOW_PLAIN_HTTP", "true")
    with pytest.raises(ValidationError, match=r"anyone between here and api\.example\.org can read the API key"):
        BflCredentials(api_key=SecretStr("k"), base_url="http://api.example.org")


def test_webhook_over_plain_http_is_refused_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_ALLOW_PLAIN_HTTP", "true")
    refused = "over http:// anyone between a provider and hooks.example.org can read the secret path"
    with pytest.raises(ValidationError, match=refused) as error:
        BflCredentials(api_key=SecretStr("k"), webhook_url=SecretStr(f"http://hooks.example.org/{PATH}"))
    assert PATH not in str(error.value)
    with pytest.raises(TuneloopError, match=f"--public-url cannot be used: {refused}"):
        show_addresses([], "http://hooks.example.org", as_json=False)
    for address in (f"https://hooks.example.org/{PATH}", f"http://127.0.0.1:8788/{PATH}"):
        block = BflCredentials(api_key=SecretStr("k"), webhook_url=SecretStr(f"{address}/"))
        assert block.announced_address() == address

"""What is set wrongly is named as such, and not called a matter of the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.http.speaking import saying, speaking
from tuneloop.errors import ConfigurationError, ProviderUnavailable
from tuneloop.http.retries import TICK_POLICY
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.segmind.client import SegmindProvider

KEY = "SG_0123456789abcdef"
PROXIES = (
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


def ask(url: str) -> None:
    SegmindProvider(KEY, base_url=url, policy=TICK_POLICY).list_jobs()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("http_proxy", "http://user:hunter2@127.0.0.1:9", r"http_proxy=http://127\.0\.0\.1:9 cannot be reached"),
        ("HTTP_PROXY", "socks5://user:hunter2@127.0.0.1:9", "HTTP_PROXY=socks5.*PySocks"),
        ("ALL_PROXY", "http://user:hunter2@127.0.0.1:no-port", "ALL_PROXY.*malformed"),
        ("http_proxy", "http://user:hunter2@[::1", "http_proxy.*malformed"),
        ("http_proxy", "http:///", "http_proxy.*malformed"),
    ],
)
def test_proxy_that_cannot_be_used_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=said) as caught:
        ask("http://127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


def test_host_that_is_down_is_a_matter_of_the_network() -> None:
    with pytest.raises(ProviderUnavailable, match=r"check the network and 127\.0\.0\.1:9, then"):
        ask("http://127.0.0.1:9")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificate_bundle_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with (
        speaking(saying("200 OK", b"[]")) as server,
        pytest.raises(ConfigurationError, match=f"REQUESTS_CA_BUNDLE={bundle}"),
    ):
        ask(server.url.replace("http:", "https:"))


def test_netrc_is_sent_to_nobody_and_proxies_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with speaking(saying("200 OK", b"[]")) as server:
        ask(server.url)
        monkeypatch.setenv("http_proxy", server.url)
        ask("http://127.0.0.1:9")
        direct, proxied = server.requests
    assert b"uthorization" not in direct + proxied
    assert proxied.startswith(b"GET http://127.0.0.1:9/finetune/request/list")


ODD_KEYS = [
    "SG_0123\u200b456789",
    "SG_0123\u2013456789",
    "SG_\ufeff0123456789",
    "SG_0123\n456789",
    "SG_0123 456",
    "\x7fSG_",
    "",
]


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("client", [SegmindProvider, BflProvider])
def test_key_that_no_header_can_carry_is_refused_without_showing_it(
    client: type[SegmindProvider | BflProvider], key: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"API key of (segmind|bfl)") as caught:
        client(key)
    assert key not in str(caught.value) or not key


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("block", [SegmindCredentials, BflCredentials])
def test_block_refuses_such_a_key_by_its_field(block: type[SegmindCredentials | BflCredentials], key: str) -> None:
    with pytest.raises(ValidationError, match="api_key") as caught:
        block(api_key=key)
    assert "SG_0" not in str(caught.value)


@pytest.mark.parametrize("block", [SegmindCredentials, BflCredentials])
def test_white_space_around_a_key_or_an_address_is_no_part_of_it(
    block: type[SegmindCredentials | BflCredentials],
) -> None:
    made = block(api_key=f" {KEY}\r\n", base_url=" https://proxy.example.com/segmind/\n")
    assert made.api_key.get_secret_value() == KEY
    assert made.base_url == "https://proxy.example.com/segmind"


@pytest.mark.parametrize(
    "address",
    [
        "http://api.segmind.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
        "https://user:hunter2@api.segmind.com",
        "https://api.segmind.com?x=1",
        "ftp://api.segmind.com",
        "https://",
        "api.segmind.com",
        "https://[::1",
        "https://api.segmind.com:port",
        "https://api\u2013segmind.com",
    ],
)
def test_key_goes_nowhere_but_over_https_or_to_this_machine(address: str) -> None:
    with pytest.raises(ConfigurationError, match="the base URL of segmind"):
        SegmindProvider(KEY, base_url=address)
    for block in (SegmindCredentials, BflCredentials):
        with pytest.raises(ValidationError, match="base_url") as caught:
            block(api_key=KEY, base_url=address)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://localhost:1", "http://127.9.9.9:1", "http://[::1]:1", "https://10.0.0.1"]
)
def test_this_machine_may_be_asked_in_clear(address: str) -> None:
    SegmindCredentials(api_key=KEY, base_url=address).get_provider()


@pytest.mark.parametrize("host", ["https://cdn.example.com", "cdn.example.com/a", "*.example.com", "cdn"])
def test_storage_hosts_are_bare_names(host: str) -> None:
    with pytest.raises(ValidationError, match="storage_hosts"):
        SegmindCredentials(api_key=KEY, storage_hosts=[host])

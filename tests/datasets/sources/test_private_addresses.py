"""A dataset's address leads to public servers only, unless the settings say otherwise."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.datasets.sources.zips import open_and_close, zipped
from tests.one_answer import OneAnswer, one_answer
from tuneloop.datasets.sources.public_zip import check_still_there
from tuneloop.errors import DatasetError, ProviderUnavailable, RequestRejected
from tuneloop.http.addresses import is_public
from tuneloop.schemas.dataset import PublicDataset

SECRET = b'{"SecretAccessKey": "wJalrXUtnFEMI"}'
PUBLIC = "93.184.215.14"


@pytest.fixture
def server() -> Iterator[OneAnswer]:
    with one_answer() as found:
        found.body = zipped({"a.png": b"x"})
        yield found


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0", "[::ffff:127.0.0.1]", "[::1]"],
)
def test_dataset_on_the_machine_itself_is_refused_before_anything_is_sent(server: OneAnswer, host: str) -> None:
    address = server.url.replace("127.0.0.1", host) + "/cats.zip"
    with pytest.raises(DatasetError, match=r"no public address: .*TUNELOOP_ALLOW_PRIVATE_ADDRESSES=true"):
        open_and_close(address)
    assert server.seen == []


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "10.0.0.7", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]"]
)
def test_dataset_in_a_private_network_is_refused(address: str) -> None:
    with pytest.raises(DatasetError, match="no public address"):
        open_and_close(f"http://{address}/latest/meta-data/cats.zip")


def test_dataset_that_the_provider_fetches_is_looked_at_the_same_way(server: OneAnswer) -> None:
    dataset = PublicDataset(url=f"{server.url}/cats.zip", sha256="0" * 64, size_bytes=1, etag=None)
    with pytest.raises(DatasetError, match="no public address"):
        check_still_there(dataset)


def test_name_that_leads_elsewhere_when_it_is_resolved_again_is_refused_before_anything_is_sent(
    server: OneAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    resolve = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        asked.append(host)
        address = PUBLIC if len(asked) == 1 else "127.0.0.1"
        return resolve(address, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(DatasetError, match=r"cats\.example is at 127\.0\.0\.1, which is no public address"):
        open_and_close(server.url.replace("127.0.0.1", "cats.example") + "/cats.zip")
    assert asked == ["cats.example", "cats.example"]
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (PUBLIC, True),
        ("2606:4700::6810:85e5", True),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize("status", [301, 403, 404, 500])
@pytest.mark.parametrize("on", ["HEAD", "GET"])
def test_words_of_a_foreign_server_are_not_shown(
    server: OneAnswer, monkeypatch: pytest.MonkeyPatch, status: int, on: str
) -> None:
    monkeypatch.setenv("TUNELOOP_ALLOW_PRIVATE_ADDRESSES", "true")
    server.status, server.body = status, SECRET
    if on == "GET":
        server.status_of_head = 200
    with pytest.raises((RequestRejected, ProviderUnavailable), match=f"answers {status}") as raised:
        open_and_close(f"{server.url}/cats.zip")
    assert "wJalrXUtnFEMI" not in str(raised.value)

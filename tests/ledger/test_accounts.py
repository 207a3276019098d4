"""One label, one account."""

from __future__ import annotations

import pytest

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import (
    check_origin,
    current_driver,
    hand_over,
    move_origin,
    origin_of,
    remember_origin,
)
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.training import Account

ACCOUNT = Account(provider="segmind", label="studio")


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://API.Segmind.com/", "https://api.segmind.com"),
        ("https://api.segmind.com:443/v1", "https://api.segmind.com"),
        ("https://api.segmind.com.", "https://api.segmind.com"),
        ("http://proxy.example:8080/segmind", "http://proxy.example:8080"),
        ("http://api.segmind.com", "http://api.segmind.com"),
        ("http://127.0.0.1:8787", "loopback"),
        ("http://127.9.9.9:1", "loopback"),
        ("http://localhost:40123", "loopback"),
        ("https://api.localhost", "loopback"),
        ("http://[::1]:8787", "loopback"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]"),
        ("http://127.0.0.1.example.com", "http://127.0.0.1.example.com"),
    ],
)
def test_address_says_whose_account_it_is_whatever_its_spelling(base_url: str, origin: str) -> None:
    assert origin_of(base_url) == origin


def test_first_address_of_a_label_stands_and_another_one_is_refused(ledger: Ledger) -> None:
    check_origin(ledger, ACCOUNT, "https://api.segmind.com")
    assert list(ledger.store.names("")) == [], "looking writes nothing"
    remember_origin(ledger, ACCOUNT, "https://api.segmind.com")
    remember_origin(ledger, ACCOUNT, "https://api.segmind.com/")
    assert list(ledger.store.names("")) == ["accounts/segmind.studio/0001.json"]
    for refuse in (check_origin, remember_origin):
        with pytest.raises(ConfigurationError, match=r"segmind\.studio is at http://proxy.*another account label"):
            refuse(ledger, ACCOUNT, "http://proxy.example")
    remember_origin(ledger, ACCOUNT.model_copy(update={"label": "other"}), "http://proxy.example")


def test_person_says_that_an_account_is_reached_in_another_way_now_but_never_that_it_was_an_emulator(
    ledger: Ledger,
) -> None:
    for base_url in ("https://api.segmind.com", "https://proxy.example", "https://api.segmind.com"):
        move_origin(ledger, ACCOUNT, base_url)
        check_origin(ledger, ACCOUNT, base_url)
    with pytest.raises(ConfigurationError, match="another account label"):
        move_origin(ledger, ACCOUNT, "http://localhost:1")
    check_origin(ledger, ACCOUNT, "https://api.segmind.com")
    assert len(list(ledger.store.names("accounts/"))) == 3


def test_store_is_driven_by_the_last_server_that_a_person_has_named(ledger: Ledger) -> None:
    assert current_driver(ledger) is None
    for server_id in ("one", "one", "two", "one"):
        assert hand_over(ledger, server_id, "http://x/api", "a person").server_id == server_id
        assert getattr(current_driver(ledger), "server_id", None) == server_id
    assert [name[-9:] for name in ledger.store.names("drivers/")] == ["0001.json", "0002.json", "0003.json"]

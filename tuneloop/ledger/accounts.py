"""Where the account behind a label is: one label, one account, for as long as the store lives."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.ties import AccountOrigin
from tuneloop.schemas.training import Account

LOOPBACK = "loopback"
"""Origin of what runs on this machine, such as the emulator: it has another port each time."""
_PORTS = {"https": 443, "http": 80}


def origin_of(base_url: str) -> str:
    """What of an API's address tells providers apart: scheme, host and port."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    if _is_loopback(host):
        return LOOPBACK
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def kept_origin(ledger: Ledger, account: Account) -> str | None:
    """The origin that a store knows an account by, None where it has never paid for it."""
    names = ledger.numbered(_folder(account))
    return ledger.read_record(names[-1], AccountOrigin).origin if names else None


def check_origin(ledger: Ledger, account: Account, base_url: str) -> None:
    """Refuse an account's label for another place than the one the store knows it by; nothing is written.

    Raises:
        ConfigurationError: It was used for another place before.
    """
    _refuse_another(ledger, account, kept_origin(ledger, account), origin_of(base_url))


def _refuse_another(ledger: Ledger, account: Account, kept: str | None, given: str) -> None:
    if kept not in {None, given}:
        raise ConfigurationError(
            f"account {account.slug} is at {given}, but its trainings in {ledger.store.uri} were made at {kept}: "
            "there, other jobs were paid. Choose another account label in the credentials block (field account), "
            "or put its base_url back"
        )


def remember_origin(ledger: Ledger, account: Account, base_url: str) -> None:
    """Write down where an account is, once. Raises `ConfigurationError` as `check_origin`."""
    kept, given = kept_origin(ledger, account), origin_of(base_url)
    if kept is None:
        _write(ledger, account, 1, given)
        kept = kept_origin(ledger, account)
    _refuse_another(ledger, account, kept, given)


def move_origin(ledger: Ledger, account: Account, base_url: str) -> None:
    """Write down that an account is reached at another address now, because a person says so.

    Raises:
        ConfigurationError: One of the two is on this machine: an emulator never is the account itself.
    """
    kept, given = kept_origin(ledger, account), origin_of(base_url)
    if kept is not None and kept != given and LOOPBACK in {kept, given}:
        check_origin(ledger, account, base_url)
    if kept != given:
        _write(ledger, account, len(ledger.numbered(_folder(account))) + 1, given)
    check_origin(ledger, account, base_url)


def _write(ledger: Ledger, account: Account, number: int, origin: str) -> None:
    record = AccountOrigin(created_at=now(), number=number, account=account, origin=origin)
    ledger.create_record(f"{_folder(account)}{number:04d}.json", record)


def _folder(account: Account) -> str:
    return f"accounts/{account.slug}/"

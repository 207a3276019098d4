"""What a store keeps of accounts (origin, pauses, troubles, names of jobs), and which server drives it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pydantic import Field

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, ObjectNotFound, RecordConflict
from tuneloop.http.addresses import is_loopback
from tuneloop.ledger.ledger import PAUSES, TROUBLES, Ledger
from tuneloop.schemas.records import Record
from tuneloop.schemas.training import Account
from tuneloop.storage.base import Store

LOOPBACK = "loopback"
"""Origin of what runs on this machine, such as the emulator: it has another port each time."""
MAX_PAUSE = timedelta(hours=1)
"""An account is never left alone for longer, whatever its provider says."""
UNREACHED = "unreached"
"""The trouble of an account that could not be queried. Every other one is named after the job that it is about."""
NOTIFY_AFTER = timedelta(hours=1)
"""An account that could not be queried for so long is a problem."""
_PORTS = {"https": 443, "http": 80}
_DRIVERS = "drivers/"


class Driver(Record):
    """A Prefect server drives the store from here on: to any other one, its runs look as if they were gone."""

    number: int = Field(ge=1)
    """Without gaps; the highest one counts."""
    server_id: str = Field(min_length=1)
    """Random id that the server keeps."""
    address: str
    """Where its API was, for people."""
    decided_by: str


class AccountOrigin(Record):
    """Where an account is from here on, so that its label is never taken for another account."""

    number: int = Field(ge=1)
    """Without gaps; the highest one counts."""
    account: Account
    origin: str
    """Scheme, host and port of the provider's API; `loopback` for this machine, on any port."""


def origin_of(base_url: str) -> str:
    """What of an API's address tells providers apart: scheme, host and port."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    if is_loopback(host):
        return LOOPBACK
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def kept_origin(ledger: Ledger, account: Account) -> str | None:
    """The origin that a store knows an account by, None where it has never paid for it."""
    newest = ledger.newest(f"accounts/{account.slug}/", AccountOrigin)
    return newest.origin if newest else None


def known_accounts(ledger: Ledger) -> list[Account]:
    """The accounts that have paid for something in a store, by their slugs."""
    slugs = sorted({name.split("/")[1] for name in ledger.store.names("accounts/")})
    newest = (ledger.newest(f"accounts/{slug}/", AccountOrigin) for slug in slugs)
    return [record.account for record in newest if record is not None]


def check_origin(ledger: Ledger, account: Account, base_url: str) -> str | None:
    """Reject another origin for an account's label than the one the store knows, which is returned.

    Nothing is written. Raises `ConfigurationError`: the label was used for another origin before.
    """
    kept, given = kept_origin(ledger, account), origin_of(base_url)
    if kept not in {None, given}:
        raise ConfigurationError(
            f"account {account.slug} is at {given}, but its trainings in {ledger.store.uri} were made at {kept}: "
            "there, other jobs were paid. Choose another account label in the credentials block (field account), "
            "or put its base_url back"
        )
    return kept


def remember_origin(ledger: Ledger, account: Account, base_url: str) -> None:
    """Record where an account is, once. Raises `ConfigurationError` as `check_origin`."""
    if check_origin(ledger, account, base_url) is None:
        # The first number only: of two that begin with other origins, one is rejected.
        _write(ledger, account, 1, origin_of(base_url))
        check_origin(ledger, account, base_url)


def move_origin(ledger: Ledger, account: Account, base_url: str) -> None:
    """Record that an account is reached at another address now.

    Raises:
        ConfigurationError: One of the two is on this machine: an emulator never is the account itself.
    """
    kept, given = kept_origin(ledger, account), origin_of(base_url)
    if kept is not None and kept != given and LOOPBACK in {kept, given}:
        check_origin(ledger, account, base_url)
    if kept != given:
        _write(ledger, account, len(ledger.numbered(f"accounts/{account.slug}/")) + 1, given)
    check_origin(ledger, account, base_url)


def _write(ledger: Ledger, account: Account, number: int, origin: str) -> None:
    record = AccountOrigin(created_at=now(), number=number, account=account, origin=origin)
    ledger.create_record(f"accounts/{account.slug}/{number:04d}.json", record)


def current_driver(ledger: Ledger) -> Driver | None:
    """The server that drives a store, None where none has begun to."""
    return ledger.newest(_DRIVERS, Driver)


def hand_over(ledger: Ledger, server_id: str, address: str, who: str) -> Driver:
    """Let a server drive a store from now on, whoever drove it before; nothing is written where it does already.

    Raises:
        RecordConflict: Another server was first.
    """
    before = current_driver(ledger)
    if before is not None and before.server_id == server_id:
        return before
    number = before.number + 1 if before else 1
    driver = Driver(created_at=now(), number=number, server_id=server_id, address=address, decided_by=who)
    if ledger.create_record(f"{_DRIVERS}{number:04d}.json", driver):
        return driver
    winner = current_driver(ledger)
    if winner is None or winner.server_id != server_id:
        raise RecordConflict(f"{ledger.store.uri}: another Prefect server was first; `tuneloop status` says which")
    return winner


class AccountMarks:
    """Marks beside the markers of one account, given by its slug."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self.account = account
        self._store = ledger.store
        self._pauses = f"inflight/{account}/{PAUSES}/"
        self._troubles = f"inflight/{account}/{TROUBLES}/"

    def pause(self, at: datetime, seconds: float) -> datetime:
        """Leave the account alone for some time, as its provider said; an hour at most, whatever a header says."""
        until = at + timedelta(seconds=min(MAX_PAUSE.total_seconds(), max(1.0, seconds)))
        self._store.create(f"{self._pauses}{int(until.timestamp())}", b"")
        return until

    def paused_until(self, at: datetime) -> datetime | None:
        """Until when the account is left alone, None for not at all. Forgets what is over or too far off."""
        latest = None
        for name in self._store.names(self._pauses):
            if (until := _moment(name.removeprefix(self._pauses))) is None:
                continue  # `strays` tells of it
            if at < until <= at + MAX_PAUSE:
                latest = max(latest, until) if latest else until
            else:
                self._store.delete_marker(name)
        return latest

    def strays(self) -> list[str]:
        """Names beside the pauses that were not written here, as tools that copy files leave them."""
        return [name for name in self._store.names(self._pauses) if _moment(name[len(self._pauses) :]) is None]

    def troubles(self) -> dict[str, datetime]:
        """What is wrong with the account or one of its jobs, and since when by the store's clock."""
        return {name[len(self._troubles) :]: since for name, since in self._store.written(self._troubles)}

    def trouble_began(self, what: str) -> None:
        self._store.create(f"{self._troubles}{what}", b"")  # the first time counts

    def trouble_ended(self, what: str) -> None:
        self._store.delete_marker(f"{self._troubles}{what}")


def _moment(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


class JobNameCache:
    """Names of one account's jobs, where its provider shows them only one by one: queried once, then kept."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._folder = f"job-names/{account}/"

    def get(self, job_id: str) -> str | None:
        """The name that a job was submitted under, None before it was queried."""
        try:
            return self._store.read(self._name(job_id)).decode()
        except ObjectNotFound:
            return None

    def keep(self, job_id: str, name: str) -> None:
        self._store.create(self._name(job_id), name.encode())

    def _name(self, job_id: str) -> str:
        return f"{self._folder}{hashlib.sha256(job_id.encode()).hexdigest()[:32]}.txt"

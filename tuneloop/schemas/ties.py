"""What ties a store to the outside: the Prefect server that drives it, and where its accounts are."""

from __future__ import annotations

from pydantic import Field

from tuneloop.schemas.records import Record
from tuneloop.schemas.training import Account


class Driver(Record):
    """A Prefect server drives the store from here on. The highest number is the one that does."""

    number: int = Field(ge=1)
    """Its number, without gaps."""
    server_id: str = Field(min_length=1)
    """Random id that the server keeps."""
    address: str
    """Where its API was, for people."""
    decided_by: str
    """Who decided."""


class AccountOrigin(Record):
    """Where an account is from here on, so that its label is never taken for another account."""

    number: int = Field(ge=1)
    """Its number, without gaps; the highest one counts."""
    account: Account
    """The account."""
    origin: str
    """Scheme, host and port of the provider's API; `loopback` for this machine, on any port."""

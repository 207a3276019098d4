"""An account whose provider may call."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuneloop.schemas.training import Account


@dataclass(frozen=True)
class WebhookAccount:
    """An account whose provider may call.

    Attributes:
        credentials: Slug of its credentials block.
        account: The account.
        path: The last part of its address, which nobody can guess.
        secret: What the provider proves its calls with, None where it proves nothing.
        told: The address that the block tells the provider at each submit, None for none.
    """

    credentials: str
    account: Account
    path: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    told: str | None = field(default=None, repr=False)

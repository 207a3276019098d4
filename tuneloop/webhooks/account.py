"""An account whose provider may call, and the secret address at which it does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

ROUTE = "/hooks/{provider}/{path}"
"""Where the receiver listens, below its public address."""
READY = b"ready\n"
"""What the receiver says to a person, or to `tuneloop doctor`, who opens an account's address."""
_RANDOM_BYTES = 24
_PATH = re.compile(r"[A-Za-z0-9_-]{20,128}")

Verify = Callable[[Mapping[str, str], bytes, str | None], bool]
"""Takes a call's headers, its raw body and the account's secret; returns True for a call of the provider's."""


@dataclass(frozen=True)
class WebhookAccount:
    """An account whose provider may call."""

    credentials: str
    """Slug of its credentials block."""
    provider: str
    account: str
    """Its slug, PROVIDER.LABEL."""
    path: str = field(repr=False)
    """The last part of its address, which nobody can guess."""
    verify: Verify = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """What the provider signs its calls with, None where it signs nothing."""
    announced: str | None = field(default=None, repr=False)
    """The address that the block sends along with each submit, None for none."""

    def url(self, public_url: str) -> str:
        """The address to register at the provider."""
        return public_url.rstrip("/") + ROUTE.format(provider=self.provider, path=self.path)


def new_path() -> str:
    """Make a path that nobody can guess, 192 bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def check_path(value: SecretStr | None) -> SecretStr | None:
    """Accept a path that is long enough to be a secret and safe in an address.

    Raises `ValueError` where it is neither; the text does not show it.
    """
    if value is not None and not _PATH.fullmatch(value.get_secret_value()):
        raise ValueError(
            "a webhook path needs 20 to 128 letters, digits, hyphens and underscores; leave it empty and "
            "`tuneloop webhooks --print-urls` makes one"
        )
    return value

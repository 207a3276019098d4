"""The address at which a provider calls us: nobody can guess it."""

from __future__ import annotations

import re
import secrets

from pydantic import SecretStr

ROUTE = "/hooks/{provider}/{path}"
"""Where the receiver listens, below its public address."""
_RANDOM_BYTES = 24
_PATH = re.compile(r"[A-Za-z0-9_-]{20,128}")


def new_path() -> str:
    """Make a path that nobody can guess, 192 bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def check_path(value: SecretStr | None) -> SecretStr | None:
    """Accept a path that is long enough to be a secret and safe in an address.

    Raises:
        ValueError: It is neither; the text does not show it.
    """
    if value is not None and not _PATH.fullmatch(value.get_secret_value()):
        raise ValueError(
            "a webhook path needs 20 to 128 letters, digits, hyphens and underscores; leave it empty and "
            "`tuneloop webhooks --print-urls` makes one"
        )
    return value


def address_of(public_url: str, provider: str, path: str) -> str:
    """The address to paste at the provider."""
    return public_url.rstrip("/") + ROUTE.format(provider=provider, path=path)

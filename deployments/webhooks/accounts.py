"""The accounts whose providers may call, from their credentials blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from blocks.bfl_credentials import BflCredentials
from blocks.opening import open_provider
from blocks.segmind_credentials import SegmindCredentials
from tuneloop.errors import ConfigurationError
from tuneloop.schemas.training import Account
from tuneloop.webhooks.address import new_path

_KINDS = ("segmind-credentials", "bfl-credentials")
_NOT_FOUND = 404


@dataclass(frozen=True)
class HookAccount:
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


def hook_accounts(credentials: Iterable[str]) -> list[HookAccount]:
    """Read credentials blocks; one without a webhook path is given one, and saved.

    Args:
        credentials: Slugs of the blocks; all of the server's where none is named.

    Raises:
        ConfigurationError: There is no such block, or none at all.
    """
    slugs = list(credentials) or all_credentials()
    if not slugs:
        raise ConfigurationError(
            "the Prefect server has no credentials blocks, so nobody can call; make one in its UI under Blocks"
        )
    return [_hook_account(slug) for slug in slugs]


def all_credentials() -> list[str]:
    """Slugs of every credentials block on the Prefect server."""
    slugs = []
    with get_client(sync_client=True) as client:
        for kind in _KINDS:
            try:
                documents = client.read_block_documents_by_type(kind)
            except httpx.HTTPStatusError as error:
                # A kind of block that nobody has saved yet is unknown to the server.
                if error.response.status_code != _NOT_FOUND:
                    raise
                continue
            slugs += [f"{kind}/{document.name}" for document in documents if document.name]
    return slugs


def _hook_account(slug: str) -> HookAccount:
    account = open_provider(slug).account
    block = Block.load(slug, _sync=True)  # type: ignore[call-arg]
    if not isinstance(block, SegmindCredentials | BflCredentials):
        raise ConfigurationError(f"block {slug} holds no provider's credentials")
    if block.webhook_path is None:
        block.webhook_path = SecretStr(new_path())
        block.save(slug.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]
    path = block.webhook_path.get_secret_value()
    if isinstance(block, SegmindCredentials):
        return HookAccount(slug, account, path)
    secret = block.webhook_secret.get_secret_value() if block.webhook_secret else None
    told = block.webhook_url.get_secret_value() if block.webhook_url else None
    return HookAccount(slug, account, path, secret, told)

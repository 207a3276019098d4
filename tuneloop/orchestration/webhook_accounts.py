"""The accounts whose providers may call, from their credentials blocks."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import SecretStr

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.blocks import all_credentials, load_credentials
from tuneloop.webhooks.accounts import WebhookAccount
from tuneloop.webhooks.address import new_path


def hook_accounts(credentials: Iterable[str]) -> list[WebhookAccount]:
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


def _hook_account(slug: str) -> WebhookAccount:
    block = load_credentials(slug)
    if block.webhook_path is None:
        block.webhook_path = SecretStr(new_path())
        block.save(slug.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]
    path = block.webhook_path.get_secret_value()
    account = block.get_client().account
    return WebhookAccount(slug, account, path, block.signing_secret(), block.announced_address())

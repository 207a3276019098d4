"""`tuneloop webhooks --print-urls`: what to paste where, so that a provider calls."""

from __future__ import annotations

from rich.console import Console

from tuneloop.cli.terminal import shown
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.webhook_accounts import hook_accounts
from tuneloop.webhooks.accounts import WebhookAccount
from tuneloop.webhooks.address import address_of
from tuneloop.webhooks.keeping import KEPT_FOR
from tuneloop.webhooks.patience import Patience


def show_addresses(credentials: list[str], public_url: str, console: Console) -> None:
    """Print each account's address, and what to do with it. An account without a path is given one.

    Args:
        credentials: Slugs of the accounts' blocks; all of the server's where none is named.
        public_url: Where providers reach the receiver.
        console: Where to print.

    Raises:
        ConfigurationError: A block or the address is wrong.
    """
    if not public_url.startswith(("https://", "http://")):
        raise ConfigurationError(f"--public-url must start with https:// or http://, not {public_url[:20]!r}")
    for account in hook_accounts(credentials):
        address = address_of(public_url, account.account.provider, account.path)
        lines = [f"{account.credentials} ({account.account.slug})", f"  {address}"]
        lines += [f"  {line}" for line in _STEPS[account.account.provider](account, address)]
        console.print(shown("\n".join(lines)), soft_wrap=True)
    console.print(
        "Keep an address secret: whoever knows it can make the receiver look, up to "
        f"{Patience().questions_per_minute} times a minute, and take notes that are deleted after "
        f"{KEPT_FOR.days} days, and nothing else.",
        soft_wrap=True,
    )
    if not public_url.startswith("https://"):
        console.print(
            shown(
                f"{public_url} cannot be reached from outside or is not encrypted: name the https address that "
                "providers reach with --public-url."
            ),
            soft_wrap=True,
        )


_SEGMIND_STEPS = """\
Paste it into Segmind's console: Developer, Webhooks, a webhook for fine-tuning.
Warning: Segmind allows one fine-tune webhook at a time. An old one must be deleted first, and whatever relies on
it then hears nothing more.
Segmind signs nothing: the address is the only proof. Its sample calls are answered with 200."""


def _segmind_steps(_: WebhookAccount, __: str) -> list[str]:
    return _SEGMIND_STEPS.splitlines()


def _bfl_steps(account: WebhookAccount, address: str) -> list[str]:
    steps = []
    if account.told != address:
        steps.append("Paste it into the block's webhook_url: it is told to BFL with each submit.")
    if account.secret is None:
        steps.append("Put a long random word into the block's webhook_secret, else the address is the only proof.")
    return (
        [*steps, "Restart `tuneloop webhooks` after a change."] if steps else ["The block tells BFL this address."]
    )


_STEPS = {"segmind": _segmind_steps, "bfl": _bfl_steps}
"""One row for each provider that calls."""

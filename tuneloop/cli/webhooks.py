"""`tuneloop webhooks --print-urls`: what to paste where, so that a provider calls."""

from __future__ import annotations

from rich.console import Console

from tuneloop.cli.terminal import shown
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.webhooks import webhook_accounts
from tuneloop.webhooks.account import WebhookAccount
from tuneloop.webhooks.debounce import PAUSE_S


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
    for account in webhook_accounts(credentials):
        address = account.url(public_url)
        lines = [f"{account.credentials} ({account.account})", f"  {address}"]
        lines += [f"  {line}" for line in _STEPS[account.provider](account, address)]
        console.print(shown("\n".join(lines)), soft_wrap=True)
    console.print(
        "Keep an address secret: whoever knows it can cause a sensor run of the account every "
        f"{PAUSE_S:.0f} seconds, and nothing else.",
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
    if account.announced != address:
        steps.append("Paste it into the block's webhook_url: it is sent to BFL with each submit.")
    if account.secret is None:
        steps.append("Put a long random word into the block's webhook_secret, else the address is the only proof.")
    return (
        [*steps, "Restart `tuneloop webhooks` after a change."] if steps else ["The block sends BFL this address."]
    )


_STEPS = {"segmind": _segmind_steps, "bfl": _bfl_steps}
"""One row for each provider that calls."""

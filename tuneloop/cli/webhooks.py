"""`tuneloop webhooks --print-urls`: what to paste where, so that a provider calls."""

from __future__ import annotations

from tuneloop.cli.terminal import tell
from tuneloop.http.addresses import check_webhook_address, validated
from tuneloop.orchestration.webhooks import webhook_accounts
from tuneloop.providers.registry import row_of
from tuneloop.webhooks.receiver import PAUSE_S


def show_addresses(credentials: list[str], public_url: str, *, as_json: bool) -> None:
    """Print each account's address, and what to do with it. An account without a path is given one.

    Raises:
        ConfigurationError: A block or the address is wrong.
    """
    public_url = validated(check_webhook_address, public_url, "--public-url")
    lines, document = [], []
    for account in webhook_accounts(credentials):
        address = account.url(public_url)
        steps = row_of(account.provider).webhook_steps(account.announced == address, account.secret is not None)
        lines += [f"{account.credentials} ({account.account})", address, *(f"  {step}" for step in steps)]
        document.append(
            {"credentials": account.credentials, "account": account.account, "address": address, "steps": steps}
        )
    lines.append(
        "Keep the addresses secret: anyone who knows one can start a sensor run of its account every "
        f"{PAUSE_S:.0f} seconds, but nothing else."
    )
    if not public_url.startswith("https://"):
        lines.append(
            f"{public_url} cannot be reached from outside: give --public-url the https address that providers "
            "reach."
        )
    tell(document, *lines, as_json=as_json)

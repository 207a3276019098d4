"""Verifies Replicate's webhook calls, which are signed as Standard Webhooks are.

Source: Replicate, pages on webhooks and on verifying them (headers, signature, secret of the account).
"""

from __future__ import annotations

from collections.abc import Mapping

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError


def webhook_steps(is_announced: bool, has_secret: bool) -> list[str]:
    """What remains to be done in the block, so that Replicate calls the address."""
    steps = []
    if not is_announced:
        steps.append("Paste it into the block's webhook_url: it is sent to Replicate with each submit.")
    if not has_secret:
        steps.append("Leave webhook_secret empty: the account's signing secret is asked of Replicate.")
    if not is_announced:
        steps.append("Restart `tuneloop webhooks` after a change.")
    return steps or ["The block sends Replicate this address."]


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a call has a signature of the body by the account's secret, and was sent within five minutes."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
        return False
    return True

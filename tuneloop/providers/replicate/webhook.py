"""What remains to be done so that Replicate calls."""

from __future__ import annotations


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

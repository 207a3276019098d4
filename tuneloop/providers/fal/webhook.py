"""What remains to be done so that fal calls."""

from __future__ import annotations


def webhook_steps(is_announced: bool, _: bool) -> list[str]:
    """The address is sent with each submit; fal signs with keys that it publishes, so that no secret is needed."""
    if is_announced:
        return ["The block sends fal this address."]
    return [
        "Paste it into the block's webhook_url: it is sent to fal with each submit.",
        "Leave webhook_secret empty: fal signs its calls with keys that it publishes.",
        "Restart `tuneloop webhooks` after a change.",
    ]

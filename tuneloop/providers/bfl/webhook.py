"""Verifies BFL's webhook calls.

Sources: BFL's notes for programs (February 2026): `X-BFL-Signature: sha256=<hex>`, an HMAC-SHA256 of the body, and
a body with id, status, result and timestamp. BFL's own client of the same year: the secret itself in
`X-Webhook-Secret`. They disagree, so either will do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import timedelta

from tuneloop.clock import moment_of, now

REPLAY_WINDOW = timedelta(minutes=10)
"""How far the time within a body may be from ours."""
_LOG = logging.getLogger("tuneloop.webhooks")


def webhook_steps(is_announced: bool, has_secret: bool) -> list[str]:
    """What remains to be done in the block, so that BFL calls the address and signs."""
    steps = []
    if not is_announced:
        steps.append("Paste it into the block's webhook_url: it is sent to BFL with each submit.")
    if not has_secret:
        steps.append(
            "Set the block's webhook_secret to a long random word; without it the address is the only proof."
        )
    return (
        [*steps, "Restart `tuneloop webhooks` after a change."] if steps else ["The block sends BFL this address."]
    )


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a call has the secret, or its signature of the body."""
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _same(headers.get("x-webhook-secret"), secret) or _same(headers.get("x-bfl-signature"), signature)


def is_recent(body: bytes) -> bool:
    """Whether the time that a body names is about now; a body without one passes."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return True
    sent = moment_of(document.get("timestamp")) if isinstance(document, dict) else None
    if sent is None or abs(now() - sent) <= REPLAY_WINDOW:
        return True
    _LOG.warning(
        "a call was sent at %s, and the clock of this machine says %s: it is replayed, or the clock is wrong",
        *(f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in (sent, now())),
    )
    return False


def _same(shown: str | None, expected: str) -> bool:
    return shown is not None and hmac.compare_digest(shown.encode("latin-1", "replace"), expected.encode())

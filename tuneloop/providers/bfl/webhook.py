"""Verifies BFL's webhook calls.

Sources: BFL's notes for programs (February 2026): `X-BFL-Signature: sha256=<hex>`, an HMAC-SHA256 of the body, and
a body with id, status, result and timestamp. BFL's own client of the same year: the secret itself in
`X-Webhook-Secret`. They disagree, so either will do.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tuneloop.clock import now
from tuneloop.providers.webhook_body import json_object, named_job

REPLAY_WINDOW = timedelta(minutes=10)
"""How far the time within a body may be from ours."""
_MILLISECONDS_FROM = 1e11


def verify(headers: Mapping[str, str], body: bytes, secret: str | None) -> str | None:
    """Check a call's signature and its time; where the account has no secret, its path has to do.

    Args:
        headers: Of the call; names in any case.
        body: The raw body.
        secret: What BFL signs the account's calls with.

    Returns:
        The id of the job that it is about, "" where it names none; None where the signature is wrong, or where the
        body names a time that is too far from now.
    """
    if secret is not None and not _is_signed(headers, body, secret.encode()):
        return None
    document = json_object(body)
    sent = _parse_time(document.get("timestamp"))
    if sent is not None and abs(now() - sent) > REPLAY_WINDOW:
        return None
    return named_job(document, "id")


def webhook_steps(is_announced: bool, has_secret: bool) -> list[str]:
    """What remains to be done in the block, so that BFL calls the address and signs."""
    steps = []
    if not is_announced:
        steps.append("Paste it into the block's webhook_url: it is sent to BFL with each submit.")
    if not has_secret:
        steps.append("Put a long random word into the block's webhook_secret, else the address is the only proof.")
    return (
        [*steps, "Restart `tuneloop webhooks` after a change."] if steps else ["The block sends BFL this address."]
    )


def _is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return _same(headers.get("x-webhook-secret"), secret) or _same(
        headers.get("x-bfl-signature"), signature.encode()
    )


def _same(shown: str | None, expected: bytes) -> bool:
    return shown is not None and hmac.compare_digest(shown.encode("latin-1", "replace"), expected)


def _parse_time(value: Any) -> datetime | None:
    """A time in ISO 8601 (UTC where it names no zone) or in seconds or milliseconds since 1970; else None."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None

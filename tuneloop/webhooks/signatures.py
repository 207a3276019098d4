"""What shows that a provider's call is its own, and not an old one sent again.

Sources: BFL's notes for programs (February 2026): `X-BFL-Signature: sha256=<hex>`, an HMAC-SHA256 of the body, and
a body with id, status, result and timestamp. BFL's own client of the same year: the secret itself in
`X-Webhook-Secret`. They disagree, so either will do. Segmind documents no proof at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tuneloop.webhooks.accounts import WebhookAccount

REPLAY_WINDOW = timedelta(minutes=10)
"""How far the time within a signed body may be from ours."""
_MILLISECONDS_FROM = 1e11


def verify_signature(account: WebhookAccount, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a call carries its account's proof; where the account has no secret, the path is the proof."""
    if account.secret is None:
        return True
    secret = account.secret.encode()
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return _same(headers.get("x-webhook-secret"), secret) or _same(
        headers.get("x-bfl-signature"), signature.encode()
    )


def is_replay(account: WebhookAccount, body: bytes, moment: datetime) -> bool:
    """Tell whether a call is an old one, by the time that its body names. Without a proof a time says nothing."""
    if account.account.provider != "bfl":
        return False
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    sent = _moment(document.get("timestamp")) if isinstance(document, dict) else None
    return sent is not None and abs(moment - sent) > REPLAY_WINDOW


def _same(shown: str | None, expected: bytes) -> bool:
    return shown is not None and hmac.compare_digest(shown.encode("latin-1", "replace"), expected)


def _moment(value: Any) -> datetime | None:
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

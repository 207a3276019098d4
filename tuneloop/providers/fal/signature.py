"""Verifies fal's webhook calls.

Source: fal, webhooks page: an ED25519 signature in hex, over four lines (request id, user id, seconds since 1970,
hex SHA-256 of the body), by any key of a JWKS that may be kept for 24 hours; calls older than 300 s are not taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tuneloop.clock import now
from tuneloop.errors import ProviderError, ProviderUnavailable
from tuneloop.http.response import lower_case
from tuneloop.http.transport import Transport
from tuneloop.providers import kept_answer

JWKS_PATH = "/.well-known/jwks.json"
WINDOW_S = 300
_KEPT_S = 24 * 3600
_LINES = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp")
_LOG = logging.getLogger("tuneloop.webhooks")


class WebhookSignatures:
    """Signatures by the keys that fal publishes, which are asked for when they are first needed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._keys = kept_answer.KeptAnswer(self._published_keys)

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a call is signed by fal, and of about now.

        Raises:
            ProviderUnavailable: fal's keys cannot be had just now.
        """
        given = lower_case(headers)
        try:
            lines = [given[name] for name in _LINES]
            signature = bytes.fromhex(given["x-fal-webhook-signature"])
            age_s = now().timestamp() - int(lines[-1])
        except (KeyError, ValueError, OverflowError):
            return False
        if abs(age_s) > WINDOW_S:
            _LOG.warning("a call was sent %d s ago by its own time: it is replayed, or a clock is wrong", age_s)
            return False
        message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
        return any(
            _fits(key, signature, message)
            for kept_s in (_KEPT_S, kept_answer.ASKED_AGAIN_S)
            for key in self._keys.get(kept_s)
        )

    def _published_keys(self) -> tuple[Ed25519PublicKey, ...]:
        try:
            document = self._transport.get(self._transport.base_url + JWKS_PATH).json()
        except ProviderError as error:
            raise ProviderUnavailable(
                f"the keys that webhook calls are verified with cannot be had: {error.reason}", provider="fal"
            ) from None
        rows = document.get("keys") if isinstance(document, dict) else None
        return tuple(key for row in rows or () if (key := _key_of(row)) is not None)


def _key_of(row: Any) -> Ed25519PublicKey | None:
    text = row.get("x") if isinstance(row, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        return None


def _fits(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True

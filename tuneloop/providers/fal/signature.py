"""Verifies fal's webhook calls.

Source: fal, webhooks page: an ED25519 signature in hex, over four lines (request id, user id, seconds since 1970,
hex SHA-256 of the body), by any key of a JWKS that may be kept for 24 hours; calls older than 300 s are not taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tuneloop.clock import now
from tuneloop.errors import ProviderError, ProviderUnavailable
from tuneloop.http.response import lower_case
from tuneloop.http.transport import Transport

JWKS_PATH = "/.well-known/jwks.json"
WINDOW_S = 300
_KEPT_S = 24 * 3600
_ASKED_AGAIN_S = 60
"""Keys that fit no call may have been replaced. Forged calls cause no more than one question in this time."""
_LINES = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp")
_LOG = logging.getLogger("tuneloop.webhooks")


class WebhookSignatures:
    """Signatures by the keys that fal publishes, which are asked for when they are first needed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._keys: tuple[Ed25519PublicKey, ...] = ()
        self._asked_at: float | None = None
        self._lock = threading.Lock()

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a call is signed by fal, and of about now.

        Raises:
            ProviderUnavailable: fal's keys cannot be had just now.
        """
        given = lower_case(headers)
        try:
            lines = [given[name] for name in _LINES]
            signature = bytes.fromhex(given["x-fal-webhook-signature"])
            sent_at = int(lines[-1])
        except (KeyError, ValueError):
            return False
        if abs(now().timestamp() - sent_at) > WINDOW_S:
            _LOG.warning(
                "a call was sent %d s ago by its own time: it is replayed, or a clock is wrong", _age(sent_at)
            )
            return False
        message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
        return self._is_signed(signature, message, _KEPT_S) or self._is_signed(signature, message, _ASKED_AGAIN_S)

    def _is_signed(self, signature: bytes, message: bytes, kept_s: float) -> bool:
        return any(_fits(key, signature, message) for key in self._known_keys(kept_s))

    def _known_keys(self, kept_s: float) -> tuple[Ed25519PublicKey, ...]:
        """The keys, asked for where they are older than that."""
        with self._lock:
            if self._asked_at is None or time.monotonic() - self._asked_at > kept_s:
                self._keys = self._published_keys()
                self._asked_at = time.monotonic()
            return self._keys

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


def _age(sent_at: int) -> int:
    return int(now().timestamp()) - sent_at

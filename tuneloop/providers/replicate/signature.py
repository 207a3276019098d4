"""Verifies Replicate's webhook calls, which are signed as Standard Webhooks are.

Source: Replicate, pages on webhooks and on verifying them (headers, signature, secret of the account).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from tuneloop.http.transport import Transport
from tuneloop.providers import kept_answer
from tuneloop.providers.response_fields import required_text


class WebhookSignatures:
    """Signatures by the account's secret, which is asked for when it is first needed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._secret = kept_answer.KeptAnswer(self._asked)

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:
        """Whether a call is signed, by the secret where one is given, and of about now.

        Raises:
            ProviderError: The account's secret cannot be had just now.
        """
        if secret is not None:
            return _is_signed(headers, body, secret)
        kept = (math.inf, kept_answer.ASKED_AGAIN_S)
        return any(_is_signed(headers, body, self._secret.get(kept_s)) for kept_s in kept)

    def _asked(self) -> str:
        response = self._transport.call("GET", "/v1/webhooks/default/secret")
        return required_text(response, "key", "the webhooks' secret")


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a call has a signature of the body by the account's secret, and was sent within five minutes."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
        return False
    return True

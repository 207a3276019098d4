"""BFL's webhooks: the end of a training or of an image, sent to the address that its request named.

Sources: BFL: OpenAPI (`webhook_url`, `webhook_secret`); its skills repository (body of id, status, result and
timestamp; a signature of the body in X-BFL-Signature; attempts again after 1, 5 and 30 s, HTTPS only); its Python
SDK, which is newer (the secret itself in X-Webhook-Secret). Which proof is sent is a switch. The form of the
timestamp is not published: here, as in the details. HTTPS is not required: the emulator reaches its own
machine only.
"""

import hashlib
import hmac
from typing import Any

from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.deliveries import Message, WebhookStyle
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.switches import Switches


def message(subject_id: str, status: str, result: dict[str, Any] | None, at: float) -> Message:
    """Return what announces an end; `result` is that of get_result."""
    return Message(status, {"id": subject_id, "status": status, "result": result, "timestamp": iso_utc(at)})


def _message(job: Job, status: str, _: str, __: Switches) -> Message:
    # Of a training get_result shows no result either.
    return message(job.id, status, None, job.updated)


def _sign(body: bytes, secret: str, switches: Switches) -> dict[str, str]:
    if switches.webhook_auth == "secret":
        return {"X-Webhook-Secret": secret}
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-BFL-Signature": f"sha256={signature}"}


STYLE = WebhookStyle(
    from_console=False,
    events=("Ready",),
    notifies_bad_end=True,
    retries_s=(1, 5, 30),
    message=_message,
    sign=_sign,
)

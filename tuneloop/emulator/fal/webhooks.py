"""fal's webhooks: the end of a request, sent to the address in the query of its submit, and the keys to verify it.

Source: webhooks page (body, signed lines, headers, JWKS, up to ten further attempts within two hours). A second
key stands in the JWKS, as while keys are changed. HTTPS is not required: the emulator reaches its own machine
only.
"""

import base64
import hashlib
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tuneloop.emulator.calls import Call
from tuneloop.emulator.deliveries import Message, WebhookStyle
from tuneloop.emulator.fal.results import error_of, result_of
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.switches import Switches

SECRET = "the key in force"  # noqa: S105 - what the emulated signing key is made of; public
_OLD_SECRET = "the key before"  # noqa: S105 - likewise
_USER = "emulated-user"
_ATTEMPTS = 10
_WITHIN_S = 7200


def message(request_id: str, status: int, payload: Any) -> Message:
    """Return what announces an end, given the status and the body at the address of the result."""
    body = {"request_id": request_id, "gateway_request_id": request_id, "status": "OK", "payload": payload}
    if status != 200:
        body |= {"status": "ERROR", "error": f"Invalid status code: {status}"}
    return Message(str(body["status"]), body)


def _message(job: Job, status: str, base_url: str, _: Switches) -> Message:
    error = error_of(job, status)
    return message(job.id, error.status, error.body) if error else message(job.id, 200, result_of(job, base_url))


def _key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())


def _sign(body: bytes, secret: str, switches: Switches) -> dict[str, str]:
    # The true time, as in the `Date` of a response: a receiver compares it with its own clock.
    request_id, timestamp = json.loads(body)["request_id"], str(int(time.time() + switches.date_off_s))
    lines = [request_id, _USER, timestamp, hashlib.sha256(body).hexdigest()]
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": _USER,
        "X-Fal-Webhook-Timestamp": timestamp,
        "X-Fal-Webhook-Signature": _key(secret).sign("\n".join(lines).encode()).hex(),
    }


def keys(_: Call) -> dict[str, Any]:
    """Return the JWKS."""
    publics = [_key(secret).public_key().public_bytes_raw() for secret in (_OLD_SECRET, SECRET)]
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(public).decode().rstrip("=")}
            for public in publics
        ]
    }


STYLE = WebhookStyle(
    from_console=False,
    events=("COMPLETED",),
    notifies_bad_end=True,
    retries_s=(_WITHIN_S / _ATTEMPTS,) * _ATTEMPTS,
    message=_message,
    sign=_sign,
)

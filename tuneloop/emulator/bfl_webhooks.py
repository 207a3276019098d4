"""BFL's webhooks: the end of a training, told to the address that its submit named.

Sources: BFL: OpenAPI (`webhook_url`, `webhook_secret`); its skills repository (body of id, status, result and
timestamp; a signature of the body in X-BFL-Signature; attempts again after 1, 5 and 30 s, HTTPS only); its Python
SDK, which is newer (the secret itself in X-Webhook-Secret). Which proof is sent is a switch. The form of the
timestamp is not published: here, as in the details. HTTPS is not asked for: the emulator tells its own machine
only.
"""

import hashlib
import hmac

from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.switches import Switches
from tuneloop.emulator.webhook_style import Message, WebhookStyle


def _message(job: Job, status: str, _: str, __: Switches) -> Message:
    # Of a training get_result shows no result either.
    body = {"id": job.id, "status": status, "result": None, "timestamp": iso_utc(job.updated)}
    return Message(status, body)


def _proof(body: bytes, secret: str, switches: Switches) -> dict[str, str]:
    if switches.webhook_proof == "secret":
        return {"X-Webhook-Secret": secret}
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-BFL-Signature": f"sha256={signature}"}


STYLE = WebhookStyle(
    from_console=False,
    events=("Ready",),
    tells_bad_end=True,
    retries_s=(1, 5, 30),
    message=_message,
    proof=_proof,
)

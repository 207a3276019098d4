"""A training as Replicate shows it, and its webhooks, which have the whole of it as their body.

Sources: Replicate's OpenAPI document of March 2026 (fields, events of the filter); its page on verifying webhooks
(a signature over id, time and body, by the account's one secret). Not published: how often a call is made again.
Logs and outputs are not announced here one by one; `start` is announced when a training begins to be processed.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any, Literal

from tuneloop.emulator.calls import Call
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.deliveries import Message, Subscription, WebhookStyle
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.replicate.fields import WEBHOOK_SECRET
from tuneloop.emulator.replicate.ids import version_of
from tuneloop.emulator.replicate.inputs import TRAINERS
from tuneloop.emulator.switches import Switches

ENDS = ("succeeded", "failed", "canceled", "aborted")
_STATES = {"start": ("processing",), "completed": ENDS}


def secret(_: Call) -> dict[str, str]:
    """Return what the account's calls are signed with."""
    return {"key": WEBHOOK_SECRET}


def subscription(subject_id: str, origin: str, url: str | None, events: Sequence[str]) -> Subscription:
    """Return who is notified of what, as a request says."""
    states = tuple(state for event in events for state in _STATES.get(event, ()))
    return Subscription(subject_id, origin, url, WEBHOOK_SECRET, states=states)


def document(
    job: Job, status: str, base_url: str, kind: Literal["trainings", "predictions"] = "trainings"
) -> dict[str, Any]:
    """Return what is shown of a training in a state; times that are not known yet are left out."""
    address = f"{base_url}/v1/{kind}/{job.id}"
    shown: dict[str, Any] = {
        "id": job.id,
        "model": job.request["model"],
        "version": job.request["version"],
        "input": job.request["sent"] | ({TRAINERS[job.request["model"]].label: job.name} if job.name else {}),
        "logs": "" if status in ("starting", "aborted") else f"{job.request['steps']} steps\n",
        "error": job.error_message if status == "failed" else None,
        "status": status,
        "source": "api",
        "created_at": iso_utc(job.created),
        "urls": {"get": address, "cancel": f"{address}/cancel"},
    }
    if status not in ("starting", "aborted"):
        shown["started_at"] = iso_utc(job.created)
    if status in ENDS:
        seconds = round(job.updated - job.created, 3)
        shown["completed_at"] = iso_utc(job.updated)
        shown["metrics"] = {"total_time": seconds, "predict_time": 0.0 if status == "aborted" else seconds}
    if status == "succeeded":
        shown["output"] = {"version": f"{job.request['destination']}:{version_of(job.id)}", "weights": ""}
    return shown


def _message(job: Job, status: str, origin: str, _: Switches) -> Message:
    shown = document(job, status, origin)
    changed = {name: value for name, value in job.overrides.items() if name in shown}
    return Message(status, shown | changed)


def _sign(body: bytes, secret: str, _: Switches) -> dict[str, str]:
    # The same message has the same id however often it is sent. The time is the true one, as its receiver's is.
    message_id, sent = f"msg_{hashlib.sha256(body).hexdigest()[:24]}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    digest = hmac.new(key, f"{message_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": sent, "webhook-signature": signature}


STYLE = WebhookStyle(
    from_console=False,
    events=("processing", "succeeded"),
    notifies_bad_end=True,
    retries_s=(1, 5, 30),
    message=_message,
    sign=_sign,
)

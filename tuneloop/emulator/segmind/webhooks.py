"""Segmind's webhook: three states of a training, sent to one address that its console registers.

Sources: Segmind: Flux fine-tuning page and webhooks page (POST, the three events, one webhook at a time that is
registered in the console, `trained_model_url` and `inference_api_url`). Not published, and so assumed here: every
other field name. No page speaks of a signature, of a further attempt, or of an event for a training that failed.
Of the console: Segmind's Python SDK (paths, which it calls at another host, and what is sent); the responses,
and that events of trainings are among those that can be chosen, are assumed.
"""

from typing import Any

from tuneloop.emulator.calls import Call
from tuneloop.emulator.deliveries import Message, WebhookStyle
from tuneloop.emulator.jobs import Conflict, Job
from tuneloop.emulator.segmind.fields import text
from tuneloop.emulator.segmind.models import weights_url
from tuneloop.emulator.segmind.responses import Rejected, finetune_id, shown_status, slug
from tuneloop.emulator.switches import Switches

_WEBHOOK = "finetune"
"""Id of the one webhook that there can be."""


def _message(job: Job, status: str, base_url: str, switches: Switches) -> Message:
    event = shown_status(status, switches.deploying_status)
    # Assumed names, but for the two URLs: `event`, `status`, and those that name the training.
    body = {"event": event, "status": event}
    if switches.webhook_names_job:
        body |= {"request_id": job.id, "finetune_id": finetune_id(job), "name": job.name}
    if status == "TRAINING_COMPLETED":
        body["trained_model_url"] = weights_url(job, base_url)
    if status == "AVAILABLE":
        body["inference_api_url"] = f"{base_url}/v1/{slug(job)}"
    return Message(event, body)


STYLE = WebhookStyle(
    from_console=True,
    events=("TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE"),
    notifies_bad_end=False,
    retries_s=(),
    message=_message,
    sign=lambda *_: {},
)


def get_webhooks(call: Call) -> dict[str, Any]:
    """Show the registered webhook."""
    url = call.emulation.webhooks.registered
    return {"webhooks": [] if url is None else [{"webhook_id": _WEBHOOK, "webhook_url": url}]}


def add_webhook(call: Call) -> dict[str, Any]:
    """Register a webhook."""
    url, event = text(call.fields, "webhook_url"), call.fields.get("event")
    if not isinstance(event, dict) or not event.get("types"):
        raise Rejected(400, "event.types is required")
    try:
        call.emulation.webhooks.register(url)
    except ValueError as error:
        raise Rejected(400, str(error)) from None
    except Conflict as error:
        raise Rejected(409, str(error)) from None
    return {"webhook_id": _WEBHOOK, "webhook_url": url, "event": event}

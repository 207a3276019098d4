"""Segmind's webhook: three states of a training, told to one address.

Sources: Segmind: Flux fine-tuning page and webhooks page (POST, the three events, one webhook at a time that is
registered in the console, `trained_model_url` and `inference_api_url`). Not published, and so assumed here: every
other field name. No page speaks of a signature, of a further attempt, or of an event for a training that failed.
"""

from tuneloop.emulator.jobs import Job
from tuneloop.emulator.segmind.answers import finetune_id, shown_status, slug
from tuneloop.emulator.segmind.models import weights_url
from tuneloop.emulator.switches import Switches
from tuneloop.emulator.webhooks.style import Message, WebhookStyle


def _message(job: Job, status: str, origin: str, switches: Switches) -> Message:
    event = shown_status(status, switches.deploying_word)
    # Assumed names, but for the two URLs: `event`, `status`, and those that name the training.
    body = {"event": event, "status": event}
    if switches.webhook_names_job:
        body |= {"request_id": job.id, "finetune_id": finetune_id(job), "name": job.name}
    if status == "TRAINING_COMPLETED":
        body["trained_model_url"] = weights_url(job, origin)
    if status == "AVAILABLE":
        body["inference_api_url"] = f"{origin}/v1/{slug(job)}"
    return Message(event, body)


STYLE = WebhookStyle(
    from_console=True,
    events=("TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE"),
    tells_bad_end=False,
    retries_s=(),
    message=_message,
    proof=lambda *_: {},
)

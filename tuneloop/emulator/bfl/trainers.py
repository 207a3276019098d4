"""BFL's trainings: accepted, shown, deleted. What is wrong with a request is `Rejected` or `Invalid`.

Sources: BFL: POST /v1/finetune and GET /v1/finetune_details pages, OpenAPI of spring 2025, pricing page; logs in
issues 9 and 10 of ComfyUI_Flux_1.1_RAW_API (the one key of the response; a training that was accepted and never
listed); typed clients (keys of the details). What the details show where no learning rate was given is not
known: here, the default that it had.

Of the ZIP, as it is checked before it is accepted and again by moderation: fine-tuning guide (formats, 1 to 20
images); issues 401 (a message about file attributes) and 417 (more than 20 images: accepted, then moderated) of
black-forest-labs/flux; issue 15 of ComfyUI_Flux_1.1_RAW_API (a ZIP with a folder and a ZIP in it is rejected).
Folders alone are no reason: the guide has its reader compress one, and so do published clients. The texts of the
other rejections are not known, nor which attributes are suspicious: here, those of anything but a plain file.
"""

import base64
import stat
import zipfile
from pathlib import Path
from typing import Any

from starlette.responses import Response

from tuneloop.emulator.archives import UNREADABLE_ERRORS, image_names, is_damaged
from tuneloop.emulator.bfl.responses import Invalid, Rejected, value_error
from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.deliveries import Subscription
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images.drawing import Model
from tuneloop.emulator.job_views import json_id, listed, view
from tuneloop.emulator.jobs import Job

_ARCHIVES = "finetune-archives"
_DEFAULT_ITERATIONS = 300
_DEFAULT_RATES = {"full": 1e-5, "lora": 1e-4}
_SHOWN = (
    "finetune_comment", "trigger_word", "mode", "iterations", "learning_rate", "captioning", "priority",
    "finetune_type", "lora_rank",
)  # fmt: skip
_MODERATED = "Request Moderated"
_MAX_IMAGES = 20
_NESTED = (".zip", ".tar", ".gz", ".7z", ".rar")


def submit(call: Call) -> Response:
    """Accept a training."""
    emulation, (body, received) = call.emulation, call.fields
    # Neither the archive nor a webhook, whose secret is nobody's business.
    request = body.model_dump(mode="json", include=set(_SHOWN))
    if request["learning_rate"] is None:
        request["learning_rate"] = _DEFAULT_RATES[body.finetune_type]
    job_id = emulation.new_id()
    key = f"{_ARCHIVES}/{job_id}.zip"
    failure = _keep(emulation, received, key)
    webhook = None if body.webhook_url is None else str(body.webhook_url)
    subscription = Subscription(job_id, url=webhook, secret=body.webhook_secret)
    billed = {**request, "price_usd": _price_usd(request["iterations"])}
    emulation.accept(subscription, request["finetune_comment"], request, key, failure, billed)
    return accepted(emulation, {"finetune_id": json_id(job_id)}, job_id)


def _keep(emulation: Emulation, received: Any, key: str) -> str | None:
    """Store the archive; return the error a training on it fails with, None for a good one."""
    try:
        # Writers break lines, which base64 allows.
        content = base64.b64decode("".join(received["file_data"].splitlines()), validate=True)
    except ValueError:
        raise Invalid([value_error("Invalid base64 in file_data", received)]) from None
    incoming = emulation.objects.begin()
    incoming.write(content)
    emulation.objects.keep(incoming, key)
    try:
        return _archive_failure(emulation.objects.path(key))
    except _BadArchive as reason:
        raise Invalid([value_error(str(reason), received)]) from None


class _BadArchive(Exception):
    """A ZIP that is rejected; the text says why."""


def _archive_failure(archive: Path) -> str | None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if entry.filename.lower().endswith(_NESTED):
                    raise _BadArchive(f"Archives are not allowed in the zip file: {entry.filename}")
                if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
                    raise _BadArchive(f"Suspicious file attributes detected: {entry.filename}")
            images = image_names(opened)
            if not images:
                raise _BadArchive("No images found in the zip file")
            if len(images) > _MAX_IMAGES:
                return _MODERATED
            return "An image cannot be read" if is_damaged(opened, images) else None
    except UNREADABLE_ERRORS:
        raise _BadArchive("Invalid zip file") from None


def _price_usd(iterations: int) -> float:
    """Return the price of a training; of the pricing page's two edges, 150 and 500 count as the middle."""
    if iterations < 150:
        return 2.0
    return 4.0 if iterations <= 500 else 6.0


def mine(call: Call) -> dict[str, Any]:
    """Return the ids that my_finetunes shows."""
    ids = [json_id(job.id) for job in listed(call.emulation)]
    return {"finetunes": [*call.emulation.switches.now.extra_rows, *ids]}


def details(call: Call) -> dict[str, Any]:
    """Return the parameters of a training; its state is not among them."""
    job = _mine(call.emulation, call.fields)
    documented = {name: job.request[name] for name in _SHOWN} | {"timestamp": iso_utc(job.created)}
    return {"finetune_details": view(call.emulation, job, documented)}


def delete(call: Call) -> dict[str, Any]:
    """Delete a model; a training that still runs is not stopped by it."""
    job = _mine(call.emulation, call.fields.finetune_id)
    call.emulation.jobs.mark(job.id, "deleted")
    return {
        "status": "success",
        "message": f"Finetune {job.id} deleted",
        "deleted_finetune_id": job.id,
        "timestamp": iso_utc(call.emulation.clock.now()),
    }


def _mine(emulation: Emulation, finetune_id: str) -> Job:
    job = emulation.jobs.find(finetune_id, polled=False)
    if job is None or "deleted" in job.marks:
        raise Rejected(404, "Finetune not found or access denied")
    return job


def ready(emulation: Emulation, finetune_id: str) -> Job:
    """Return a job whose model draws; one of another region is as unknown here as one there never was."""
    job = emulation.jobs.find(finetune_id, polled=False)
    if job is None or job.status != "Ready" or "deleted" in job.marks:
        raise Rejected(400, "Finetune not found or not ready")
    return job


def model_of(emulation: Emulation, job: Job) -> Model:
    """Return what draws the images of a job."""
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=emulation.weights_mark(job, {"finetune_comment"}),
        steps=job.request["iterations"],
        learning_rate=job.request["learning_rate"],
        right_dose=_DEFAULT_ITERATIONS * _DEFAULT_RATES[job.request["finetune_type"]],
    )

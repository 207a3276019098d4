"""BFL's trainings: accepted, shown, deleted.

Sources: BFL: POST /v1/finetune and GET /v1/finetune_details pages, OpenAPI of spring 2025, pricing page; logs in
issues 9 and 10 of ComfyUI_Flux_1.1_RAW_API (the answer's one key; a training that was accepted and never
listed); typed clients (keys of the details). What the details show where no learning rate was given is not
known: here, the default that it had.
"""

from typing import Any

from tuneloop.emulator import weights
from tuneloop.emulator.bfl import strangers as bfl_strangers
from tuneloop.emulator.bfl.answers import Invalid, Refused, value_error
from tuneloop.emulator.bfl.archive import BadArchive, doom_of
from tuneloop.emulator.bfl.fields import Finetune
from tuneloop.emulator.bfl.requests import checked
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images.values import Model
from tuneloop.emulator.job_looks import shown_id
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.json_upload import JsonUpload, NotBase64
from tuneloop.emulator.listing import listed

LONG_FIELD = "file_data"
_ARCHIVES = "finetune-archives"
_DEFAULT_ITERATIONS = 300
_DEFAULT_RATES = {"full": 1e-5, "lora": 1e-4}
_SHOWN = (
    "finetune_comment",
    "trigger_word",
    "mode",
    "iterations",
    "learning_rate",
    "captioning",
    "priority",
    "finetune_type",
    "lora_rank",
)
_NOT_IN_THE_WEIGHTS = {"finetune_comment"}


def submit(emulation: Emulation, upload: JsonUpload) -> dict[str, Any]:
    """Accept a training: one job and one entry in the billing ledger, together.

    Raises:
        Invalid: for wrong fields or an archive that is not even looked at; the answer echoes all of it.
    """
    body = checked(Finetune, upload.fields, upload)
    request = _recipe(body)
    job_id = emulation.new_id()
    key = f"{_ARCHIVES}/{job_id}.zip"
    incoming = emulation.objects.begin()
    try:
        upload.decode(incoming.write)
    except NotBase64:
        incoming.drop()
        raise Invalid([value_error("Invalid base64 in file_data", upload.fields)], upload=upload) from None
    emulation.objects.keep(incoming, key)
    try:
        doom = doom_of(emulation.objects.path(key))
    except BadArchive as reason:
        raise Invalid([value_error(str(reason), upload.fields)], upload=upload) from None
    name = request["finetune_comment"]
    with emulation.state.transaction():
        emulation.accept(job_id, name, request, key, doom)
        summary = {**request, "price_usd": price_usd(request["iterations"])}
        emulation.billing.record(job_id, "training", name, summary)
        webhook = None if body.webhook_url is None else str(body.webhook_url)
        emulation.webhooks.follow(job_id, url=webhook, secret=body.webhook_secret)
    emulation.webhooks.before_answer(job_id)
    return {"finetune_id": shown_id(job_id)}


def _recipe(body: Finetune) -> dict[str, Any]:
    """Return what is shown of a request: neither the archive nor a webhook, whose secret is nobody's business."""
    request = body.model_dump(mode="json", include=set(_SHOWN))
    if request["learning_rate"] is None:
        request["learning_rate"] = _DEFAULT_RATES[body.finetune_type]
    return request


def price_usd(iterations: int) -> float:
    """Return the price of a training; of the pricing page's two edges, 150 and 500 count as the middle."""
    if iterations < 150:
        return 2.0
    return 4.0 if iterations <= 500 else 6.0


def mine(emulation: Emulation) -> dict[str, Any]:
    """Return the ids that my_finetunes shows."""
    return {"finetunes": [*bfl_strangers.ids(emulation), *(shown_id(job.id) for job in listed(emulation))]}


def details(emulation: Emulation, finetune_id: str) -> dict[str, Any]:
    """Return the parameters of a training; its state is not among them.

    Raises:
        Refused: for an unknown or deleted one.
    """
    if found := bfl_strangers.details(emulation, finetune_id):
        return {"finetune_details": found}
    job = _mine(emulation, finetune_id)
    documented = {name: job.request[name] for name in _SHOWN} | {"timestamp": iso_utc(job.created)}
    return {"finetune_details": emulation.looks.shown(job, documented)}


def delete(emulation: Emulation, finetune_id: str) -> dict[str, Any]:
    """Delete a model; a training that still runs is not stopped by it.

    Raises:
        Refused: for an unknown or deleted one.
    """
    job = _mine(emulation, finetune_id)
    emulation.marks.add(job.id, "deleted")
    return {
        "status": "success",
        "message": f"Finetune {job.id} deleted",
        "deleted_finetune_id": job.id,
        "timestamp": iso_utc(emulation.clock.now()),
    }


def ready(emulation: Emulation, finetune_id: str) -> Job:
    """Return a job whose model draws.

    Raises:
        Refused: for any other; a model of another region is as unknown here as one there never was.
    """
    job = emulation.jobs.find(finetune_id, polled=False)
    if job is None or job.status != "Ready" or emulation.marks.has(job.id, "deleted"):
        raise Refused(400, "Finetune not found or not ready")
    return job


def model_of(emulation: Emulation, job: Job) -> Model:
    """Return what draws the images of a job."""
    recipe = {name: value for name, value in job.request.items() if name not in _NOT_IN_THE_WEIGHTS}
    dataset = emulation.objects.find(job.dataset)
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=weights.fingerprint(dataset.etag if dataset else "", recipe),
        steps=job.request["iterations"],
        learning_rate=job.request["learning_rate"],
        right_dose=_DEFAULT_ITERATIONS * _DEFAULT_RATES[job.request["finetune_type"]],
    )


def _mine(emulation: Emulation, finetune_id: str) -> Job:
    job = emulation.jobs.find(finetune_id, polled=False)
    if job is None or emulation.marks.has(finetune_id, "deleted"):
        raise Refused(404, "Finetune not found or access denied")
    return job

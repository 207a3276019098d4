"""Replicate's trainings: accepted, shown, canceled. What is wrong with a request is `Rejected`.

Sources: Replicate's OpenAPI document of March 2026 (routes, fields, states, pages of 100 with the newest first);
recorded exchanges of its own clients (the answer to a submit, whose addresses are those of a prediction, and
under which a training is found as well; a destination that is missing). Images are fetched when the training is
accepted, though Replicate fetches them when it begins; what cannot be used fails the training and not the submit.
The input is shown as it was sent, but for tokens. Not published: what canceling does to a training that has
ended (here, nothing), and how long an address of weights is good (here, as a switch says; each answer has a new
one).
"""

import zipfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from tuneloop.emulator import object_routes, urls, weights
from tuneloop.emulator.archives import UNREADABLE_ERRORS, image_names, is_damaged
from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images.drawing import Model
from tuneloop.emulator.job_views import listed, view
from tuneloop.emulator.jobs import Conflict, Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.outgoing import NotPublic, fetch
from tuneloop.emulator.replicate import files, models, packed, webhooks
from tuneloop.emulator.replicate.fields import NewTraining, invalid
from tuneloop.emulator.replicate.ids import new_id
from tuneloop.emulator.replicate.inputs import TRAINERS, Trainer
from tuneloop.emulator.replicate.responses import no_destination, no_version, not_found

PAGE = 100
_DELIVERED = "replicate-delivery"
_PUBLIC = "public-datasets"
_TOKENS = ("hf_token", "wandb_api_key")
_NOT_IN_THE_WEIGHTS = {"sent", "destination"}


def submit(call: Call) -> Response:
    """Accept a training. Webhooks show addresses under the base URL of the call."""
    emulation = call.emulation
    body: NewTraining = call.fields
    trainer = TRAINERS.get(f"{call.path['owner']}/{call.path['name']}")
    if trainer is None or trainer.version != call.path["version"]:
        raise no_version()
    if not models.exists(emulation, body.destination):
        raise no_destination()
    job_id, request = new_id(), _request(trainer, body)
    key, failure = _dataset(emulation, call.base_url, body.input[trainer.dataset])
    subscription = webhooks.subscription(job_id, call.base_url, body.webhook, body.webhook_events_filter)
    name, billed = str(request["sent"].get(trainer.label) or ""), {"model": trainer.model, **request["sent"]}
    emulation.accept(subscription, name, request, key, failure, billed)
    found = emulation.jobs.find(job_id, polled=False)
    # The answer to a submit shows the beginning, whatever has become of it since.
    document = webhooks.document(found, "starting", call.base_url, "predictions") if found else {}
    response = accepted(emulation, document, job_id)
    response.status_code = 201
    return response


def _request(trainer: Trainer, body: NewTraining) -> dict[str, Any]:
    """Check an input by the trainer's schema, and return it with the defaults, and as it was sent."""
    try:
        checked = trainer.training.model_validate(body.input)
    except ValidationError as error:
        raise invalid(error, "input.") from None
    sent = {name: "[REDACTED]" if name in _TOKENS else value for name, value in body.input.items()}
    settings = checked.model_dump(exclude={trainer.dataset, trainer.label, *_TOKENS})
    return {
        **settings,
        "model": trainer.model,
        "version": trainer.version,
        "destination": body.destination,
        "sent": sent,
    }


def _dataset(emulation: Emulation, base_url: str, url: str) -> tuple[str, str | None]:
    """Return the key of the images in the object store, and the error a training on them fails with."""
    if url.startswith(f"{base_url}/v1/files/"):
        file = files.find(emulation, url.rpartition("/")[2])
        if file is None:
            return "", f"404 Client Error: Not Found for url: {url}"
        return file.key, _failure(emulation.objects.path(file.key))
    incoming, key = emulation.objects.begin(), f"{_PUBLIC}/{new_id()}"
    try:
        fetch(url, incoming.write, head=False)
    except NotPublic as reason:
        incoming.drop()
        return "", f"The input's file {reason}"
    stored = emulation.objects.keep(incoming, key)
    return key, _failure(emulation.objects.path(stored.key))


def _failure(archive: Path) -> str | None:
    try:
        with zipfile.ZipFile(archive) as opened:
            images = image_names(opened)
            if not images:
                return "No image files found in the zip file"
            return "An image cannot be read" if is_damaged(opened, images) else None
    except UNREADABLE_ERRORS:
        return "The dataset must be a zip file"


def page(call: Call) -> dict[str, Any]:
    """Return a hundred trainings, the newest first, and the whole addresses of the pages beside them."""
    emulation = call.emulation
    start = int(call.fields) if call.fields.isdecimal() else 0
    rows = [*emulation.switches.now.extra_rows, *reversed(listed(emulation))]

    def address(first: int) -> str | None:
        if not 0 <= first < len(rows):
            return None
        return f"{call.base_url}/v1/trainings" + (f"?cursor={first}" if first else "")

    shown = [_shown(call, row) if isinstance(row, Job) else row for row in rows[start : start + PAGE]]
    return {"next": address(start + PAGE), "previous": address(start - PAGE), "results": shown}


def get(call: Call) -> dict[str, Any]:
    """Show a training."""
    return _shown(call, _found(call))


def cancel(call: Call) -> dict[str, Any]:
    """Stop a training, unless it has ended, and return how it stands."""
    job = _found(call)
    try:
        call.emulation.jobs.fail(job.id, "canceled")
    except Conflict:
        return _shown(call, job)
    return _shown(call, _found(call))


def _found(call: Call) -> Job:
    job = call.emulation.jobs.find(call.path["id"], polled=True)
    if job is None:
        raise not_found()
    return job


def _shown(call: Call, job: Job) -> dict[str, Any]:
    emulation = call.emulation
    document = webhooks.document(job, job.status, call.base_url)
    if job.status == "succeeded":
        document["output"]["weights"] = _weights_url(emulation, job, call.base_url)
    return view(emulation, job, document)


def _weights_url(emulation: Emulation, job: Job, base_url: str) -> str:
    """Return where the weights lie, for a while; they are put there when somebody first asks."""
    kind, mark = TRAINERS[job.request["model"]].packed, weights_mark(emulation, job)
    key = f"{_DELIVERED}/{job.id}/trained_model.{kind}"
    metadata = {"format": "pt", "base_model": job.request["model"], "fingerprint": mark}
    chunks = packed.chunks(kind, mark, emulation.weights_bytes, metadata)
    emulation.objects.produce(key, chunks, weights.etag(mark, emulation.weights_bytes))
    if emulation.switches.now.downloads_need_key:
        return f"{base_url}/v1/files/{job.id}/trained_model.{kind}"
    path = PREFIX + key
    query = urls.sign_v4("GET", path, emulation.clock.now(), emulation.switches.now.download_valid_s)
    return f"{base_url}{path}?{query}"


def weights_file(call: Call) -> Response:
    """Send an archive of weights to whoever has the token."""
    key = f"{_DELIVERED}/{call.path['id']}/{call.path['file']}"
    return object_routes.get(call.emulation, call.request, key, signed=True)


def weights_mark(emulation: Emulation, job: Job) -> str:
    """Return the fingerprint of a training's images and of what of its input changes the weights."""
    return emulation.weights_mark(job, _NOT_IN_THE_WEIGHTS)


def model_of(emulation: Emulation, job: Job) -> Model:
    """Return what draws the images of a training's version."""
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=weights_mark(emulation, job),
        steps=job.request["steps"],
        learning_rate=job.request["learning_rate"],
        right_dose=TRAINERS[job.request["model"]].right_dose,
    )

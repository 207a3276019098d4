"""Segmind's fine-tuning API: its routes, and the states of a training.

Sources: Segmind: Flux, Flux Kontext and Qwen fine-tuning pages (responses, and details, which the Flux page
leaves out), Flux Dev Finetuned page, webhooks page (the states DATA_PROCESSING and TRAINING_INITIATED), its
open training worker (QUEUED, FAILED, RETRIED), Python SDK (models). Some GETs carry a body, as documented.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from tuneloop.emulator import urls, weights
from tuneloop.emulator.calls import Call, Handler, Reader, no_fields, route
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.job_views import listed, view
from tuneloop.emulator.jobs import Job, Lifecycle, Progress
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.segmind import inference, models, responses, trainers, webhooks
from tuneloop.emulator.segmind.fields import API_KEY, form_fields, id_text, json_fields, keyed, text

_UPLOADS = "finetune-pipeline/uploads/5f0c1c5e-2a55-4b0e-9d3c-6a3f5d1b7e42"
"""Bucket and folder of the one account."""
_UPLOAD_VALID_S = 3600
"""Segmind does not say; an hour is what it grants for downloads."""


def _routes(emulation: Emulation) -> list[BaseRoute]:
    finetune, with_json, with_form, bare = (
        "/finetune/request/",
        keyed(json_fields),
        keyed(form_fields),
        keyed(no_fields),
    )
    endpoints: list[tuple[str, str, Handler, Reader]] = [
        ("GET", finetune + "upload/pre-signed-url", _upload_url, with_json),
        ("POST", finetune + "submit", trainers.submit, with_json),
        ("GET", finetune + "details", _details, with_json),
        ("GET", finetune + "list", _list, bare),
        ("PUT", finetune + "access-update", _access_update, with_form),
        ("GET", finetune + "file/download", _file_download, with_form),
        ("GET", "/webhook/get", webhooks.get_webhooks, bare),
        ("POST", "/webhook/add", webhooks.add_webhook, with_json),
        ("GET", "/inference-model-information/list", _models, bare),
        ("POST", "/v1/{slug}", inference.draw, with_json),
        ("POST", "/v2/{slug}", inference.enqueue, with_json),
        ("GET", "/v2/requests/{id}/status", inference.status, bare),
        ("GET", "/v2/requests/{id}", inference.result, bare),
        ("GET", "/v1/requests/{id}", inference.result, bare),
        ("GET", inference.OUTPUTS + "{file}", inference.output, no_fields),
    ]
    return [route(emulation, *endpoint) for endpoint in endpoints]


def _upload_url(call: Call) -> dict[str, str]:
    # Whether Segmind doubles a .zip that is already there is not known; one is shown in its example.
    file = re.sub(r"[^A-Za-z0-9._-]", "-", text(call.fields, "name").removesuffix(".zip")) + ".zip"
    key = f"{_UPLOADS}/{uuid.uuid4()}-{file}"
    url = call.base_url + PREFIX + key
    call.emulation.objects.reserve(key, url)
    query = urls.sign_v4("PUT", PREFIX + key, call.emulation.clock.now(), _UPLOAD_VALID_S)
    return {"presigned_url": f"{url}?{query}", "s3_url": url}


def _details(call: Call) -> dict[str, Any]:
    name = "finetune_id" if "finetune_id" in call.fields else "request_id"
    job = _job(call.emulation, id_text(call.fields, name), polled=True)
    return {"finetune": _shown(call, job, responses.details)}


def _list(call: Call) -> list[Any]:
    extra_rows = call.emulation.switches.now.extra_rows
    return [*extra_rows, *(_shown(call, job, responses.row) for job in listed(call.emulation))]


def _shown(call: Call, job: Job, fields: Callable[[Job, str, str | None, str], dict[str, Any]]) -> dict[str, Any]:
    first_id, word = trainers.trainer_of(job.request).first_id, call.emulation.switches.now.deploying_status
    return view(call.emulation, job, fields(job, first_id, _weights_url(job, call.base_url), word))


def _access_update(call: Call) -> int:
    public = text(call.fields, "segmind_public").lower()
    if public not in ("true", "false"):
        raise responses.Rejected(400, "segmind_public must be True or False")
    job = _job(call.emulation, id_text(call.fields, "request_id"), polled=False)
    call.emulation.jobs.amend(job, segmind_public=public == "true")
    return 200


def _file_download(call: Call) -> Response:
    emulation, switches = call.emulation, call.emulation.switches.now
    path = urlsplit(text(call.fields, "cloud_storage_url")).path
    match = re.fullmatch(f"{PREFIX}{models.WEIGHTS}/([^/]+)/[^/]+", path)
    job = _job(emulation, match.group(1), polled=False) if match else None
    if job is None or urlsplit(_weights_url(job, call.base_url) or "").path != path:
        raise responses.Rejected(404, "cloud_storage_url is not the file of one of your models")
    _write_weights(emulation, job, path.removeprefix(PREFIX))
    query = urls.sign_v2("GET", path, emulation.clock.now(), switches.download_valid_s)
    url = f"{call.base_url}{path}?{query}"
    return JSONResponse(url) if switches.download_url == "quoted" else PlainTextResponse(url)


def _models(call: Call) -> dict[str, Any]:
    jobs = [job for job in call.emulation.jobs.all(polled=False) if job.status == "AVAILABLE"]
    return {"models": [{"slug": responses.slug(job), "name": job.name} for job in jobs]}


def _job(emulation: Emulation, job_id: str, *, polled: bool) -> Job:
    job = emulation.jobs.find(job_id, polled=polled)
    other = models.by_finetune_id(emulation, job_id) if job is None else None
    # The Kontext page sends a FINETUNE_ID as request_id, and the Qwen page a REQUEST_ID.
    if other is not None and trainers.trainer_of(other.request).first_id != "request_id":
        job = emulation.jobs.find(other.id, polled=polled)
    if job is None:
        raise responses.Rejected(404, f"Finetune request {job_id} not found")
    return job


def _weights_url(job: Job, base_url: str) -> str | None:
    """Return where the weights lie, None before they exist."""
    trained = _LIFECYCLE.reached(job.status, _LIFECYCLE.trained)
    return models.weights_url(job, base_url) if trained else None


def _write_weights(emulation: Emulation, job: Job, key: str) -> None:
    """Put the file in place when it is first asked for: nobody waits for gigabytes nobody wants."""
    size, mark = emulation.weights_bytes, models.weights_mark(emulation, job)
    metadata = {"format": "pt", "base_model": job.request["base_model"], "fingerprint": mark}
    emulation.objects.produce(key, weights.chunks(mark, size, metadata), weights.etag(mark, size))


_LIFECYCLE = Lifecycle(
    states=(
        "REQUESTED", "QUEUED", "DATA_PROCESSING", "TRAINING_INITIATED", "TRAINING_COMPLETED", "INFERENCE_QUEUED",
        "AVAILABLE",
    ),
    failed="FAILED",
    fails_after="DATA_PROCESSING",
    trained="TRAINING_COMPLETED",
    retried="RETRIED",
)  # fmt: skip

PROVIDER = Provider(
    name="segmind",
    api_key=API_KEY,
    lifecycle=_LIFECYCLE,
    # Eight seconds to the weights, one to poll them, three until the model draws: a demo one can watch.
    progress=Progress.after_seconds(
        1.0, DATA_PROCESSING=2.0, TRAINING_INITIATED=4.0, TRAINING_COMPLETED=1.0, INFERENCE_QUEUED=3.0
    ),
    foreign_statuses={
        "REQUESTED": "SUBMITTED",
        "QUEUED": "IN_QUEUE",
        "RETRIED": "RESTARTING",
        "DATA_PROCESSING": "STARTING",
        "TRAINING_INITIATED": "IN_PROGRESS",
        "TRAINING_COMPLETED": "FINALIZING",
        "INFERENCE_QUEUED": "FINALIZING",
        "DEPLOYING": "FINALIZING",
        "AVAILABLE": "SUCCEEDED",
        "FAILED": "CANCELED",
        "PROCESSING": "IN_PROGRESS",
        "COMPLETED": "SUCCEEDED",
    },
    routes=_routes,
    webhooks=webhooks.STYLE,
    redirects_slashes=False,
    fault_response=responses.fault_response,
    error_pages={404: responses.unknown_route, 405: responses.wrong_verb},
)

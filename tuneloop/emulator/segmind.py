"""Segmind's fine-tuning API: routes, authentication, and the states of a training.

Sources: Segmind: Flux fine-tuning page, Flux Kontext fine-tuning page (answers, and details, which the
Flux page leaves out), Flux Dev Finetuned page, webhooks page (the states DATA_PROCESSING and
TRAINING_INITIATED), its open training worker (QUEUED, FAILED). Some GETs carry a body, as documented.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator import segmind_answers as answers
from tuneloop.emulator import segmind_inference, segmind_submit, signed_urls, weights
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.progress import Lifecycle, Progress
from tuneloop.emulator.segmind_answers import Refused

API_KEY = "SG_0123456789abcdef"
_UPLOADS = "finetune-pipeline/uploads/5f0c1c5e-2a55-4b0e-9d3c-6a3f5d1b7e42"
"""Bucket and folder of the one account."""
_MODELS = "segmind-sd-models/finetune/finetuned_models"
_UPLOAD_VALID_S = 3600
"""Segmind does not say; an hour is what it grants for downloads."""
_DOWNLOAD_VALID_S = 3600

Fields = dict[str, Any]
Handler = Callable[[Fields, str], Response]
"""Takes the fields of a request and the origin it came to."""


class SegmindRoutes:
    """The routes of one emulation."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[BaseRoute]:
        """Return every documented route."""
        request = "/finetune/request/"
        return [
            Route(request + "upload/pre-signed-url", _endpoint(self._upload_url, _json), methods=["GET"]),
            Route(request + "submit", _endpoint(self._submit, _json), methods=["POST"]),
            Route(request + "details", _endpoint(self._details, _json), methods=["GET"]),
            Route(request + "list", _endpoint(self._list, _no_body), methods=["GET"]),
            Route(request + "access-update", _endpoint(self._access_update, _form), methods=["PUT"]),
            Route(request + "file/download", _endpoint(self._file_download, _form), methods=["GET"]),
            Route("/v1/flux-dev-finetuned", _endpoint(self._infer, _json), methods=["POST"]),
        ]

    def _upload_url(self, fields: Fields, origin: str) -> Response:
        name = _text(fields, "name")
        # Whether Segmind doubles a .zip that is already there is not known; one is shown in its example.
        file = re.sub(r"[^A-Za-z0-9._-]", "-", name.removesuffix(".zip")) + ".zip"
        key = f"{_UPLOADS}/{uuid.uuid4()}-{file}"
        url = origin + PREFIX + key
        self._emulation.objects.reserve(key, url)
        query = signed_urls.sign_v4("PUT", PREFIX + key, self._emulation.clock.now(), _UPLOAD_VALID_S)
        return JSONResponse({"presigned_url": f"{url}?{query}", "s3_url": url})

    def _submit(self, fields: Fields, _: str) -> Response:
        return JSONResponse(segmind_submit.submit(self._emulation, fields))

    def _details(self, fields: Fields, origin: str) -> Response:
        # The Kontext page sends a FINETUNE_ID as request_id; one value is known by both names.
        name = "finetune_id" if "finetune_id" in fields else "request_id"
        job = self._job(_text(fields, name), polled=True)
        return JSONResponse(answers.details(job, self._weights_url(job, origin)))

    def _list(self, _: Fields, origin: str) -> Response:
        jobs = self._emulation.jobs.all(polled=True)
        return JSONResponse([answers.listed(job, self._weights_url(job, origin)) for job in jobs])

    def _access_update(self, fields: Fields, _: str) -> Response:
        public = _text(fields, "segmind_public")
        if public.lower() not in ("true", "false"):
            raise Refused(400, "segmind_public must be True or False")
        job = self._job(_text(fields, "request_id"), polled=False)
        self._emulation.jobs.amend(job.id, segmind_public=public.lower() == "true")
        return JSONResponse(200)

    def _file_download(self, fields: Fields, origin: str) -> Response:
        path = urlsplit(_text(fields, "cloud_storage_url")).path
        match = re.fullmatch(f"{PREFIX}{_MODELS}/([^/]+)/[^/]+", path)
        job = self._job(match.group(1), polled=False) if match else None
        if job is None or urlsplit(self._weights_url(job, origin) or "").path != path:
            raise Refused(404, "cloud_storage_url is not the file of one of your models")
        self._write_weights(job, path.removeprefix(PREFIX))
        query = signed_urls.sign_v2("GET", path, self._emulation.clock.now(), _DOWNLOAD_VALID_S)
        return PlainTextResponse(f"{origin}{path}?{query}")

    def _infer(self, fields: Fields, _: str) -> Response:
        return segmind_inference.draw(self._emulation, fields)

    def _job(self, job_id: str, *, polled: bool) -> Job:
        job = self._emulation.jobs.find(job_id, polled=polled)
        if job is None:
            raise Refused(404, f"Finetune request {job_id} not found")
        return job

    def _weights_url(self, job: Job, origin: str) -> str | None:
        """Return where the weights lie, None before they exist."""
        if not LIFECYCLE.reached(job.status, LIFECYCLE.trained):
            return None
        file = re.sub(r"[^A-Za-z0-9._-]", "-", job.name)
        return f"{origin}{PREFIX}{_MODELS}/{job.id}/{file}.safetensors"

    def _write_weights(self, job: Job, key: str) -> None:
        """Put the file in place when it is first asked for: nobody waits for gigabytes nobody wants."""
        size = self._emulation.weights_bytes
        mark = segmind_inference.weights_mark(self._emulation, job)
        metadata = {"format": "pt", "base_model": job.request["base_model"], "fingerprint": mark}
        self._emulation.objects.produce(key, weights.chunks(mark, size, metadata), weights.etag(mark, size))


def _endpoint(
    handler: Handler, read: Callable[[Request], Awaitable[Fields]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        _authenticate(request)
        fields = await read(request)
        origin = str(request.base_url).rstrip("/")
        return await run_in_threadpool(handler, fields, origin)

    return endpoint


def _authenticate(request: Request) -> None:
    key = request.headers.get("x-api-key")
    if key is None and "authorization" not in request.headers:
        raise Refused(401, "Missing Authorization or x-api-key in header")
    if key != API_KEY:  # a right key sent as a bearer token is refused as well
        raise answers.Unauthorized


async def _json(request: Request) -> Fields:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(406, "Content-Type must be application/json")
    try:
        body = await request.json()
    except ValueError:
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    return body


async def _form(request: Request) -> Fields:
    """Read a form in both encodings in use: multipart (the pages' curl) and urlencoded (the SDK)."""
    encoding = request.headers.get("content-type", "").partition(";")[0].strip()
    if encoding not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Refused(406, "Content-Type must be that of a form, multipart or urlencoded")
    try:
        async with request.form() as form:
            return dict(form)
    except HTTPException:
        raise Refused(400, "The body is not a form") from None


async def _no_body(_: Request) -> Fields:
    return {}


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, f"{name} is required")
    return value


LIFECYCLE = Lifecycle(
    states=(
        "REQUESTED",
        "QUEUED",
        "DATA_PROCESSING",
        "TRAINING_INITIATED",
        "TRAINING_COMPLETED",
        "INFERENCE_QUEUED",
        "AVAILABLE",
    ),
    failed="FAILED",
    fails_after="DATA_PROCESSING",
    trained="TRAINING_COMPLETED",
)

SEGMIND = Provider(
    name="segmind",
    api_key=API_KEY,
    lifecycle=LIFECYCLE,
    # Eight seconds to the weights, one to look at them, three until the model draws: a demo one can watch.
    progress=Progress.after_seconds(
        REQUESTED=1.0,
        QUEUED=1.0,
        DATA_PROCESSING=2.0,
        TRAINING_INITIATED=4.0,
        TRAINING_COMPLETED=1.0,
        INFERENCE_QUEUED=3.0,
    ),
    routes=lambda emulation: SegmindRoutes(emulation).routes(),
    refusal=answers.injected,
    error_pages={404: answers.unknown_route, 405: answers.wrong_verb, Refused: answers.refused},
)

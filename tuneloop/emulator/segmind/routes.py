"""Segmind's fine-tuning API: its routes, and the states of a training.

Sources: Segmind: Flux, Flux Kontext and Qwen fine-tuning pages (answers, and details, which the Flux page
leaves out), Flux Dev Finetuned page, webhooks page (the states DATA_PROCESSING and TRAINING_INITIATED), its
open training worker (QUEUED, FAILED, RETRIED). Some GETs carry a body, as documented.
"""

import re
import uuid
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator import signed_urls, weights
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.listing import listed
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.progress import Lifecycle, Progress
from tuneloop.emulator.segmind import answers
from tuneloop.emulator.segmind import inference as segmind_inference
from tuneloop.emulator.segmind import models as segmind_models
from tuneloop.emulator.segmind import queue as segmind_queue
from tuneloop.emulator.segmind import strangers as segmind_strangers
from tuneloop.emulator.segmind import submit as segmind_submit
from tuneloop.emulator.segmind import webhooks as segmind_webhooks
from tuneloop.emulator.segmind.console import SegmindConsole
from tuneloop.emulator.segmind.refusals import Refused
from tuneloop.emulator.segmind.requests import (
    API_KEY,
    Fields,
    endpoint,
    form_fields,
    id_field,
    json_fields,
    no_fields,
    text_field,
)
from tuneloop.emulator.segmind.trainers import theme_of

_UPLOADS = "finetune-pipeline/uploads/5f0c1c5e-2a55-4b0e-9d3c-6a3f5d1b7e42"
"""Bucket and folder of the one account."""
_UPLOAD_VALID_S = 3600
"""Segmind does not say; an hour is what it grants for downloads."""


class SegmindRoutes:
    """The routes of one emulation."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[BaseRoute]:
        """Return every documented route."""
        request = "/finetune/request/"
        return [
            Route(request + "upload/pre-signed-url", endpoint(self._upload_url, json_fields), methods=["GET"]),
            Route(request + "submit", endpoint(self._submit, json_fields), methods=["POST"]),
            Route(request + "details", endpoint(self._details, json_fields), methods=["GET"]),
            Route(request + "list", endpoint(self._list, no_fields), methods=["GET"]),
            Route(request + "access-update", endpoint(self._access_update, form_fields), methods=["PUT"]),
            Route(request + "file/download", endpoint(self._file_download, form_fields), methods=["GET"]),
            *SegmindConsole(self._emulation).routes(),
            Route("/v1/{slug}", self._image, methods=["POST"]),
            Route("/v2/{slug}", self._queue, methods=["POST"]),
            Route("/v2/requests/{id}/status", self._queue_status, methods=["GET"]),
            Route("/v2/requests/{id}", self._queue_result, methods=["GET"]),
            Route("/v1/requests/{id}", self._queue_result, methods=["GET"]),
            Route(segmind_queue.OUTPUTS + "{file}", self._output, methods=["GET"]),
        ]

    def _upload_url(self, fields: Fields, origin: str) -> Response:
        name = text_field(fields, "name")
        # Whether Segmind doubles a .zip that is already there is not known; one is shown in its example.
        file = re.sub(r"[^A-Za-z0-9._-]", "-", name.removesuffix(".zip")) + ".zip"
        key = f"{_UPLOADS}/{uuid.uuid4()}-{file}"
        url = origin + PREFIX + key
        self._emulation.objects.reserve(key, url)
        query = signed_urls.sign_v4("PUT", PREFIX + key, self._emulation.clock.now(), _UPLOAD_VALID_S)
        return JSONResponse({"presigned_url": f"{url}?{query}", "s3_url": url})

    def _submit(self, fields: Fields, origin: str) -> Response:
        return segmind_submit.submit(self._emulation, fields, origin)

    def _details(self, fields: Fields, origin: str) -> Response:
        job = self._job(id_field(fields, "finetune_id" if "finetune_id" in fields else "request_id"), polled=True)
        word = self._emulation.switches.now.deploying_word
        documented = answers.details(job, self._weights_url(job, origin), word)
        return JSONResponse({"finetune": self._emulation.looks.shown(job, documented)})

    def _list(self, _: Fields, origin: str) -> Response:
        jobs, word = listed(self._emulation), self._emulation.switches.now.deploying_word
        looks = self._emulation.looks
        rows = [looks.shown(job, answers.listed(job, self._weights_url(job, origin), word)) for job in jobs]
        return JSONResponse([*segmind_strangers.rows(self._emulation), *rows])

    def _access_update(self, fields: Fields, _: str) -> Response:
        public = text_field(fields, "segmind_public")
        if public.lower() not in ("true", "false"):
            raise Refused(400, "segmind_public must be True or False")
        job = self._job(id_field(fields, "request_id"), polled=False)
        self._emulation.jobs.amend(job.id, segmind_public=public.lower() == "true")
        return JSONResponse(200)

    def _file_download(self, fields: Fields, origin: str) -> Response:
        path = urlsplit(text_field(fields, "cloud_storage_url")).path
        match = re.fullmatch(f"{PREFIX}{segmind_models.WEIGHTS}/([^/]+)/[^/]+", path)
        job = self._job(match.group(1), polled=False) if match else None
        if job is None or urlsplit(self._weights_url(job, origin) or "").path != path:
            raise Refused(404, "cloud_storage_url is not the file of one of your models")
        self._write_weights(job, path.removeprefix(PREFIX))
        switches = self._emulation.switches.now
        query = signed_urls.sign_v2("GET", path, self._emulation.clock.now(), switches.download_valid_s)
        url = f"{origin}{path}?{query}"
        return JSONResponse(url) if switches.download_url == "quoted" else PlainTextResponse(url)

    async def _image(self, request: Request) -> Response:
        slug, as_bytes = request.path_params["slug"], segmind_inference.wants_bytes(request.headers)
        answer = endpoint(
            lambda fields, _: segmind_inference.draw(self._emulation, slug, fields, as_bytes=as_bytes), json_fields
        )
        return await answer(request)

    async def _queue(self, request: Request) -> Response:
        slug = request.path_params["slug"]
        answer = endpoint(
            lambda fields, origin: segmind_queue.submit(self._emulation, slug, fields, origin), json_fields
        )
        return await answer(request)

    async def _queue_status(self, request: Request) -> Response:
        task = request.path_params["id"]
        return await endpoint(lambda *_: segmind_queue.status(self._emulation, task), no_fields)(request)

    async def _queue_result(self, request: Request) -> Response:
        task = request.path_params["id"]
        answer = endpoint(lambda _, origin: segmind_queue.result(self._emulation, task, origin), no_fields)
        return await answer(request)

    async def _output(self, request: Request) -> Response:
        file = request.path_params["file"]
        answer = endpoint(lambda *_: segmind_queue.output(self._emulation, file), no_fields, key=False)
        return await answer(request)

    def _job(self, job_id: str, *, polled: bool) -> Job:
        job = self._emulation.jobs.find(job_id, polled=polled)
        other = segmind_models.by_finetune_id(self._emulation, job_id) if job is None else None
        # The Kontext page sends a FINETUNE_ID as request_id, and the Qwen page a REQUEST_ID.
        if other is not None and theme_of(other.request).first_id != "request_id":
            job = self._emulation.jobs.find(other.id, polled=polled)
        if job is None:
            raise Refused(404, f"Finetune request {job_id} not found")
        return job

    def _weights_url(self, job: Job, origin: str) -> str | None:
        """Return where the weights lie, None before they exist."""
        if not LIFECYCLE.reached(job.status, LIFECYCLE.trained):
            return None
        return segmind_models.weights_url(job, origin)

    def _write_weights(self, job: Job, key: str) -> None:
        """Put the file in place when it is first asked for: nobody waits for gigabytes nobody wants."""
        size = self._emulation.weights_bytes
        mark = segmind_models.weights_mark(self._emulation, job)
        metadata = {"format": "pt", "base_model": job.request["base_model"], "fingerprint": mark}
        self._emulation.objects.produce(key, weights.chunks(mark, size, metadata), weights.etag(mark, size))


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
    tried_again="RETRIED",
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
    webhooks=segmind_webhooks.STYLE,
    redirects_slashes=False,
    refusal=answers.injected,
    error_pages={404: answers.unknown_route, 405: answers.wrong_verb, Refused: answers.refused},
)

"""Segmind's responses: its errors, and the fields in which it shows a training.

Sources: Segmind: Flux fine-tuning page, Flux Kontext fine-tuning page (field names of details and list
differ, as there), Flux Dev Finetuned page; error catalogue of api-evangelist/segmind (auth variant,
HTML page for 405, meanings of 406).
"""

import re
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tuneloop.emulator import calls
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.jobs import Job

_MESSAGES = {
    400: "Bad request",
    401: "Invalid API key",
    403: "Forbidden",
    404: "Model or endpoint not found",
    406: "Insufficient credits",
    410: "This service is retired and takes no new training jobs",
    429: "Too many requests",
    500: "Internal server error",
    502: "Service temporarily unavailable",
    504: "Request timed out",
}
_MEANINGS_OF_406 = {
    "credits": "Insufficient credits",
    "content type": "Content-Type must be application/json",
    "parameter": "Invalid value for parameter",
    "spend limit": "Team spend limit exceeded",
}
"""One status for four different errors; only the message distinguishes them."""


class Rejected(calls.Rejected):
    """A request that Segmind does not accept."""

    def __init__(self, status: int, message: str, **fields: Any) -> None:
        super().__init__(JSONResponse({"error": message, **fields}, status))


def unknown_route(_: Request, __: Exception) -> Response:
    """Respond to a path that does not exist."""
    return JSONResponse({"error": "Not Found"}, 404)


def wrong_verb(_: Request, error: Exception) -> Response:
    """Respond to a wrong verb, with the HTML page the gateway shows."""
    headers = error.headers if isinstance(error, HTTPException) else None
    page = "<!doctype html>\n<title>405 Method Not Allowed</title>\n<h1>Method Not Allowed</h1>\n"
    return HTMLResponse(page, 405, headers)


def fault_response(emulation: Emulation, fault: Fault) -> Response:
    """Respond with a fault's status; a 429 names the end of its window and sends no Retry-After."""
    headers = {}
    if fault.status == 429:
        headers["x-rate-limit-reset-at-utc"] = iso_utc(
            emulation.clock.now() + emulation.switches.now.rate_window_s
        )
    usual = _MESSAGES.get(fault.status) or HTTPStatus(fault.status).phrase
    return JSONResponse(
        {"error": _MEANINGS_OF_406.get(fault.reason, fault.reason or usual)}, fault.status, headers
    )


def finetune_id(job: Job) -> str:
    """Return the id that inference takes, which most often is the only one."""
    return str(job.request.get("finetune_id", job.id))


def slug(job: Job) -> str:
    """Return the name of a model's own endpoint: an id and the name, as on the page of a public model."""
    return f"{job.id}-{re.sub('[^A-Za-z0-9_-]+', '-', job.name).strip('-').lower()}"


def shown_status(status: str, deploying_status: str) -> str:
    """Return the word that Segmind shows for a state."""
    return deploying_status if status == "INFERENCE_QUEUED" else status


def details(job: Job, first_id: str, weights_url: str | None, deploying_status: str) -> dict[str, Any]:
    """Show a training as details do: no theme, train type or parameters, but slug and times."""
    return {
        first_id: job.id,
        "finetune_id": finetune_id(job),
        "name": job.name,
        "data_source_path": job.request["data_source_path"],
        "instance_prompt": job.request["instance_prompt"],
        "status": shown_status(job.status, deploying_status),
        "source_type": "AWS_S3",
        "base_model": job.request["base_model"],
        "slug": slug(job),
        "public_model": job.request["segmind_public"],
        "error_message": job.error_message,
        "cloud_storage_url": weights_url,
        "created_ts": iso_utc(job.created),
        "updated_ts": iso_utc(job.updated),
    }


def row(job: Job, first_id: str, weights_url: str | None, deploying_status: str) -> dict[str, Any]:
    """Show a training as the list does: theme and prompt repeated inside the parameters."""
    request = job.request
    repeated = {"theme": request["theme"], "prompt": request["instance_prompt"]}
    return {
        first_id: job.id,
        "data_source_path": request["data_source_path"],
        "name": job.name,
        "status": shown_status(job.status, deploying_status),
        "error_message": job.error_message,
        "segmind_model_path": None,
        "advance_parameters": repeated | request["advance_parameters"],
        "segmind_public_model": request["segmind_public"],
        "train_type": request["train_type"],
        "source_type": "AWS_S3",
        "base_model": request["base_model"],
        "theme": request["theme"],
        "cloud_storage_url": weights_url,
        "finetune_id": finetune_id(job),
        "model_information": {},
    }

"""What a finished training of fal has to show: its files, or its error.

Sources: OpenAPI documents of its trainers (outputs, File); queue page and request-errors page (a request that
failed is COMPLETED with `error` and `error_type`, and has the status and body of its error at the address of the
result).
"""

import json
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fal.responses import ERROR_TYPES, field_error
from tuneloop.emulator.fal.trainers import TRAINERS
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.weights import chunks, etag, length

MEDIA = "media"
"""Bucket of all files, uploaded or made."""
CANCELLED = "CANCELLED"
FAILED = "FAILED"
_WEIGHTS = "pytorch_lora_weights.safetensors"
_NOT_IN_THE_WEIGHTS = {"sent", "detail", "file_size"}
_NO_MARK = "0" * 64


@dataclass(frozen=True)
class Error:
    """How a request failed."""

    status: int
    """At the address of the result."""
    text: str
    error_type: str | None
    body: dict[str, Any]


def infrastructure_error(text: str) -> Error | None:
    """Return the error of a type's name, None for any other text."""
    if text not in ERROR_TYPES:
        return None
    words = text.replace("_", " ").capitalize()
    return Error(ERROR_TYPES[text], words, text, {"detail": words, "error_type": text})


def model_error(detail: list[dict[str, Any]]) -> Error:
    """Return the error of a model that was given something wrong."""
    return Error(422, detail[0]["msg"], None, {"detail": detail})


def error_of(job: Job, status: str) -> Error | None:
    """Return how a training failed, None for one that did not."""
    if status == CANCELLED:
        return infrastructure_error("client_cancelled")
    if status != FAILED:
        return None
    text = job.error_message or "runner_server_error"
    zip_field = TRAINERS[job.request["endpoint"]].zip_field
    detail = job.request["detail"] or [field_error(["body", zip_field], text, "value_error")]
    return infrastructure_error(text) or model_error(detail)


def result_of(job: Job, base_url: str) -> dict[str, Any]:
    """Return the output of a training; its files are written when they are first asked for."""
    trainer = TRAINERS[job.request["endpoint"]]
    folder = f"{base_url}{PREFIX}{MEDIA}/{job.id}"
    return {
        trainer.output: {
            "url": f"{folder}/{_WEIGHTS}",
            "content_type": "application/octet-stream",
            "file_name": _WEIGHTS,
            "file_size": job.request["file_size"],
        },
        "config_file": {
            "url": f"{folder}/config.json",
            "content_type": "application/json",
            "file_name": "config.json",
            "file_size": len(_config(job)),
        },
    }


def weights_bytes(emulation: Emulation, endpoint: str) -> int:
    """Return the size of the file that a training of this endpoint makes."""
    return length(emulation.weights_bytes, _metadata(endpoint, _NO_MARK))


def mark(emulation: Emulation, job: Job) -> str:
    """Return the fingerprint of a training, which stands in its weights."""
    return emulation.weights_mark(job, _NOT_IN_THE_WEIGHTS)


def produce(emulation: Emulation, key: str) -> bool:
    """Write the file of a training that is asked for; return False if it is no longer kept."""
    _, _, path = key.partition(f"{MEDIA}/")
    job_id, _, file = path.partition("/")
    job = emulation.jobs.find(job_id, polled=False)
    if job is None or job.status != emulation.jobs.lifecycle.trained:
        return True
    kept_s = emulation.switches.now.weights_kept_s
    if kept_s and emulation.clock.now() >= job.since + kept_s:
        return False
    if file == _WEIGHTS:
        found, size = mark(emulation, job), emulation.weights_bytes
        content = chunks(found, size, _metadata(job.request["endpoint"], found))
        emulation.objects.produce(key, content, etag(found, size), public=True)
    if file == "config.json":
        emulation.objects.produce(key, [_config(job)], etag(job.id, 0), public=True)
    return True


def _metadata(endpoint: str, found: str) -> dict[str, str]:
    return {"format": "pt", "base_model": endpoint, "fingerprint": found}


def _config(job: Job) -> bytes:
    return json.dumps(job.request["input"]).encode()

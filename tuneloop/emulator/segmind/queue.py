"""The v2 queue: POST /v2/<slug>, then ask until the image is there.

Sources: Segmind: asynchronous inference page (answers, record of an hour, files of seven days, a failed run
under 422); Python SDK (addresses of status and result, fields of a failed run). What the result's address
says before its time is not published: the state, as the status's address does.
"""

from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.segmind.inference import COST_USD, credits_left
from tuneloop.emulator.segmind.models import asked_for, billed, image, with_image
from tuneloop.emulator.segmind.refusals import Refused
from tuneloop.emulator.status_words import spoken
from tuneloop.emulator.tasks import Task

OUTPUTS = "/outputs/"
"""Where finished images lie on the emulator's own origin; no key is asked for there."""
_RECORD_KEPT_S = 3600
_OUTPUT_KEPT_S = 7 * 24 * 3600


def submit(emulation: Emulation, endpoint: str, body: dict[str, Any], origin: str) -> Response:
    """Accept an image, bill it, and say where to ask for it.

    Raises:
        Refused: for a body the page does not allow, or a model that is not there.
    """
    job = asked_for(emulation, endpoint, body)
    body = with_image(job, body)
    switches = emulation.switches.now
    with emulation.state.transaction():
        task = emulation.tasks.add(job.id, body, switches.image_s, switches.images_fail)
        emulation.billing.record(task.id, "inference", job.id, billed(job, body))
    document = {
        "request_id": task.id,
        "status": "QUEUED",
        "poll_url": f"{origin}/v1/requests/{task.id}",
        "status_url": f"{origin}/v2/requests/{task.id}/status",
        "response_url": f"{origin}/v2/requests/{task.id}",
    }
    return JSONResponse(document)


def status(emulation: Emulation, request_id: str) -> Response:
    """Say how far an image is.

    Raises:
        Refused: 404 for a request there is none of, or whose record is gone.
    """
    task = _record(emulation, request_id)
    return _answer(emulation, task, {})


def result(emulation: Emulation, request_id: str, origin: str) -> Response:
    """Say how far an image is and, once it is done, where it lies.

    Raises:
        Refused: 404 for a request there is none of, or whose record is gone.
    """
    task = _record(emulation, request_id)
    if _word(emulation, task) != "COMPLETED":
        return _answer(emulation, task, {})
    url = f"{emulation.switches.now.image_host or origin}{OUTPUTS}{task.id}.jpg"
    output = [url] if emulation.switches.now.queue_output == "list" else url
    return _answer(emulation, task, {"output": output, "images": [{"url": url, "content_type": "image/jpeg"}]})


def output(emulation: Emulation, file: str) -> Response:
    """Answer with a finished image.

    Raises:
        Refused: 404 for one that is not done, has failed, or is no longer kept.
    """
    task = emulation.tasks.find(file.removesuffix(".jpg"))
    kept = task is not None and emulation.clock.now() < task.ends + _OUTPUT_KEPT_S
    job = emulation.jobs.find(task.model, polled=False) if task else None
    if task is None or job is None or not kept or _word(emulation, task) != "COMPLETED":
        raise Refused(404, "Not Found")
    return Response(image(emulation, job, task.request), media_type="image/jpeg")


def _record(emulation: Emulation, request_id: str) -> Task:
    task = emulation.tasks.find(request_id)
    if task is None or emulation.clock.now() >= task.ends + _RECORD_KEPT_S:
        raise Refused(404, f"Request {request_id} not found or expired")
    return task


def _word(emulation: Emulation, task: Task) -> str:
    share = task.share(emulation.clock.now())
    if share < 1:
        return "QUEUED" if share < 0.5 else "PROCESSING"
    return "FAILED" if task.doom else "COMPLETED"


def _answer(emulation: Emulation, task: Task, found: dict[str, Any]) -> Response:
    word = _word(emulation, task)
    document = {
        "request_id": task.id,
        "status": spoken(word, emulation.switches.now.status_words),
        "error": task.doom if word == "FAILED" else None,
        "metrics": _metrics(emulation, task) if word in ("COMPLETED", "FAILED") else {},
    }
    return JSONResponse(document | found, 422 if word == "FAILED" else 200)


def _metrics(emulation: Emulation, task: Task) -> dict[str, float]:
    total = task.ends - task.created
    return {
        "cost": 0.0 if task.doom else COST_USD,
        "remaining_credits": round(credits_left(emulation), 3),
        "queue_time": round(total / 2, 3),
        "inference_time": round(total / 2, 3),
        "total_time": round(total, 3),
        "retry_count": 0,
    }

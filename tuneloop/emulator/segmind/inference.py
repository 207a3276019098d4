"""Images by fine-tuned models of Segmind: at once under /v1/<slug>, or in the queue under /v2/<slug>.

Sources: Segmind: Flux Dev Finetuned page, which says "Text/JSON" and reads JSON in its sample, and in an older
form image/jpeg; Python SDK, whose `run_sync` takes bytes and says who it is in X-Initiator. So who asks for
images gets bytes, and everybody else JSON; a switch gives one of them to all. The newer form of the page points
to the queue, which a model can be made to insist on. Asynchronous inference page (responses, record of an hour,
files of seven days, a failed run under 422); Python SDK (addresses of status and result, fields of a failed
run). What the result's address says before its time is not published: the state, as the status's address does.
"""

import base64
import time
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.calls import Call
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.job_views import styled
from tuneloop.emulator.segmind.models import bill, image, requested_model
from tuneloop.emulator.segmind.responses import Rejected
from tuneloop.emulator.tasks import Task

OUTPUTS = "/outputs/"
"""Where finished images lie under the emulator's own address; no key is asked for there."""
_COST_USD = 0.034
"""Average price of an image in Segmind's model directory."""
_CREDITS_USD = 1000.0
"""What the account holds before the first image; it may run below zero, nothing is rejected for it."""
_RECORD_KEPT_S = 3600
_OUTPUT_KEPT_S = 7 * 24 * 3600


def draw(call: Call) -> Response:
    """Draw one image, bill it, and send it, as bytes or as JSON."""
    emulation, endpoint = call.emulation, call.path["slug"]
    job, body = requested_model(emulation, endpoint, call.fields)
    if "queue only" in job.marks:
        raise Rejected(400, f"This model takes requests in the v2 queue only: POST /v2/{endpoint}")
    begun = time.monotonic()
    content = image(emulation, job, body)
    request_id = str(uuid.uuid4())
    with emulation.state.transaction():
        bill(emulation, request_id, job, body)
        left = _credits_left(emulation)
    headers = {
        "x-cost": f"{_COST_USD}",
        "x-remaining-credits": f"{left:.3f}",
        "x-generation-time": f"{time.monotonic() - begun:.3f}",
        "x-seed-value": str(body["seed"]),
        "x-request-id": request_id,
    }
    form = emulation.switches.now.image_response
    if form == "json" or (form == "negotiated" and not _wants_bytes(call)):
        document = {"image": base64.b64encode(content).decode(), "seed": body["seed"]}
        return JSONResponse(document, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)


def _wants_bytes(call: Call) -> bool:
    headers = call.request.headers
    accepted = headers.get("accept", "").lower()
    return headers.get("x-initiator") == "SDK-PY" or ("image/" in accepted and "json" not in accepted)


def _credits_left(emulation: Emulation) -> float:
    """Return what the account still holds, in dollars."""
    return _CREDITS_USD - _COST_USD * sum(entry.kind == "inference" for entry in emulation.billing.entries())


def enqueue(call: Call) -> dict[str, str]:
    """Accept an image, bill it, and say where to poll for it."""
    emulation, switches = call.emulation, call.emulation.switches.now
    job, body = requested_model(emulation, call.path["slug"], call.fields)
    with emulation.state.transaction():
        task = emulation.tasks.add(job.id, body, switches.image_s, switches.images_fail)
        bill(emulation, task.id, job, body)
    return {
        "request_id": task.id,
        "status": "QUEUED",
        "poll_url": f"{call.base_url}/v1/requests/{task.id}",
        "status_url": f"{call.base_url}/v2/requests/{task.id}/status",
        "response_url": f"{call.base_url}/v2/requests/{task.id}",
    }


def status(call: Call) -> Response:
    """Say how far an image is."""
    return _document(call.emulation, _record(call), {})


def result(call: Call) -> Response:
    """Say how far an image is and, once it is done, where it lies."""
    task, switches = _record(call), call.emulation.switches.now
    if _status(call.emulation, task) != "COMPLETED":
        return _document(call.emulation, task, {})
    url = f"{switches.image_host or call.base_url}{OUTPUTS}{task.id}.jpg"
    output = [url] if switches.queue_output == "list" else url
    found = {"output": output, "images": [{"url": url, "content_type": "image/jpeg"}]}
    return _document(call.emulation, task, found)


def output(call: Call) -> Response:
    """Send a finished image, unless it is no longer kept."""
    emulation = call.emulation
    task = emulation.tasks.find(call.path["file"].removesuffix(".jpg"))
    kept = task is not None and emulation.clock.now() < task.ends + _OUTPUT_KEPT_S
    job = emulation.jobs.find(task.model, polled=False) if task else None
    if task is None or job is None or not kept or _status(emulation, task) != "COMPLETED":
        raise Rejected(404, "Not Found")
    return Response(image(emulation, job, task.request), media_type="image/jpeg")


def _record(call: Call) -> Task:
    task = call.emulation.tasks.find(call.path["id"])
    if task is None or call.emulation.clock.now() >= task.ends + _RECORD_KEPT_S:
        raise Rejected(404, f"Request {call.path['id']} not found or expired")
    return task


def _status(emulation: Emulation, task: Task) -> str:
    share = task.share(emulation.clock.now())
    if share < 1:
        return "QUEUED" if share < 0.5 else "PROCESSING"
    return "FAILED" if task.failure else "COMPLETED"


def _document(emulation: Emulation, task: Task, found: dict[str, Any]) -> Response:
    state, total = _status(emulation, task), task.ends - task.created
    metrics = {
        "cost": 0.0 if task.failure else _COST_USD,
        "remaining_credits": round(_credits_left(emulation), 3),
        "queue_time": round(total / 2, 3),
        "inference_time": round(total / 2, 3),
        "total_time": round(total, 3),
        "retry_count": 0,
    }
    document = {
        "request_id": task.id,
        "status": styled(emulation, state),
        "error": task.failure if state == "FAILED" else None,
        "metrics": metrics if state in ("COMPLETED", "FAILED") else {},
    }
    return JSONResponse(document | found, 422 if state == "FAILED" else 200)

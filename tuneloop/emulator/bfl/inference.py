"""Images by finetuned models of BFL, and GET /v1/get_result, which shows trainings as well.

Sources: BFL: OpenAPI, spring 2025 (fields, states, both shapes of the response), pricing page, its official
fine-tuning script; clients' types (fields of a ready image, an address valid for ten minutes).
Images that a request brings are taken and leave no trace in the one that is drawn, not even their shape. No
price is listed for depth and canny: here it is that of fill.
"""

from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator import urls
from tuneloop.emulator.bfl import webhooks
from tuneloop.emulator.bfl.fields import CannyImage, DepthImage, FillImage, ImageFields, ProImage, UltraImage
from tuneloop.emulator.bfl.trainers import model_of, ready
from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images import drawing
from tuneloop.emulator.images.drawing import DrawRequest
from tuneloop.emulator.job_views import styled, view
from tuneloop.emulator.object_routes import xml_error
from tuneloop.emulator.tasks import Task

ENDPOINTS: dict[str, tuple[type[ImageFields], float]] = {
    "flux-pro-finetuned": (ProImage, 0.06),
    "flux-pro-1.1-ultra-finetuned": (UltraImage, 0.07),
    "flux-pro-1.0-depth-finetuned": (DepthImage, 0.06),
    "flux-pro-1.0-canny-finetuned": (CannyImage, 0.06),
    "flux-pro-1.0-fill-finetuned": (FillImage, 0.06),
}
"""What each endpoint takes, and the price of an image in dollars."""
SAMPLES = "/results/"
"""Where finished images lie under the emulator's own address."""
_SAMPLE_KEPT_S = 600
_ULTRA_SIDE = 512
"""Pixels of the longest side that are drawn of an ultra image."""
_ENLARGED = 2
"""Pixels of the file, each way, for one that is drawn."""
_SENT_IMAGES = ("image_prompt", "control_image", "image", "mask")
"""Images in a request; of each it is only noted whether it came."""
_CREDITS_USD = 1000.0
"""What the account holds before anything is billed; it may run below zero, nothing is rejected for it."""


def submit(call: Call) -> Response:
    """Accept an image and bill it; `Rejected` if the model is not there, or not yet."""
    emulation, body, endpoint = call.emulation, call.fields, call.request.url.path.rpartition("/")[2]
    job = ready(emulation, body.finetune_id)
    request = {**body.model_dump(mode="json", exclude={"webhook_secret"}), "endpoint": endpoint}
    request |= {name: bool(request[name]) for name in _SENT_IMAGES if name in request}
    switches = emulation.switches.now
    webhook = None if body.webhook_url is None else str(body.webhook_url)
    with emulation.state.transaction():
        task = emulation.tasks.add(job.id, request, switches.image_s, switches.images_fail)
        summary = {**request, "seed": _seed(task), "model_name": job.name, "price_usd": ENDPOINTS[endpoint][1]}
        emulation.billing.record(task.id, "inference", job.id, summary)
        if webhook is not None:
            # Its end is known when it is accepted.
            found = None if task.failure else _ready(emulation, task, call.base_url)
            message = webhooks.message(task.id, _end(emulation, task), found, task.ends)
            emulation.webhooks.schedule(task.id, message, task.ends, url=webhook, secret=body.webhook_secret)
    if webhook is not None:
        return accepted(emulation, {"id": task.id, "status": "Pending", "webhook_url": webhook}, task.id)
    polling_url = f"{call.base_url}/v1/get_result?id={task.id}"
    return accepted(emulation, {"id": task.id, "polling_url": polling_url}, task.id)


def result(call: Call) -> Response:
    """Say how far an image or a training is; what is not known here is a state of its own."""
    emulation, task_id = call.emulation, call.fields
    task, job = emulation.tasks.find(task_id), emulation.jobs.find(task_id, polled=True)
    if task is not None:
        status = "Pending" if task.share(emulation.clock.now()) < 1 else _end(emulation, task)
        found = _ready(emulation, task, call.base_url) if status == "Ready" else None
        error = task.failure if status == "Error" else None
        return JSONResponse(_document(task_id, styled(emulation, status), found, error))
    if job is not None:
        error = job.error_message if job.status == "Error" else None
        return JSONResponse(view(emulation, job, _document(task_id, job.status, None, error)))
    unknown = _document(task_id, "Task not found", None, None)
    return JSONResponse(unknown, emulation.switches.now.unknown_task_status)


def sample(call: Call) -> Response:
    """Send a finished image, while its address is valid."""
    emulation, request = call.emulation, call.request
    verdict = urls.check("GET", request.url.path, request.query_params, emulation.clock.now())
    task = emulation.tasks.find(call.path["id"])
    job = emulation.jobs.find(task.model, polled=False) if task else None
    if verdict != "valid" or task is None or job is None:
        return xml_error(403, "AuthenticationFailed", "Server failed to authenticate the request.")
    wanted = _draw_request(task)
    return Response(drawing.draw(model_of(emulation, job), wanted), media_type=f"image/{wanted.format.lower()}")


def credits_left(call: Call) -> dict[str, float]:
    """Return what the account still holds, in credits of a cent."""
    billed = call.emulation.billed()
    spent = sum(entry.summary.get("price_usd", 0.0) for entry in billed if not entry.refunded)
    return {"credits": round(100 * (_CREDITS_USD - spent), 2)}


def _document(task_id: str, status: str, found: Any, error: str | None) -> dict[str, Any]:
    details = None if error is None else {"error": error}
    return {"id": task_id, "status": status, "result": found, "progress": None, "details": details}


def _end(emulation: Emulation, task: Task) -> str:
    return emulation.jobs.lifecycle.failed_state(task.failure) if task.failure else "Ready"


def _ready(emulation: Emulation, task: Task, base_url: str) -> dict[str, Any]:
    path = f"{SAMPLES}{task.id}/sample.{_draw_request(task).format.lower()}"
    query = urls.sign_blob("GET", path, task.ends + _SAMPLE_KEPT_S)
    return {
        "sample": f"{emulation.switches.now.image_host or base_url}{path}?{query}",
        "prompt": task.request["prompt"] or "",
        "seed": _seed(task),
        "start_time": task.created,
        "end_time": task.ends,
        "duration": task.ends - task.created,
    }


def _seed(task: Task) -> int:
    seed = task.request["seed"]
    return int(task.id[:8], 16) if seed is None else int(seed)


def _draw_request(task: Task) -> DrawRequest:
    request = task.request
    if "width" in request:
        # Multiples of 32, so that half of them are whole pixels.
        width, height = request["width"] // _ENLARGED, request["height"] // _ENLARGED
    else:
        across, down = (int(side) for side in request.get("aspect_ratio", "1:1").split(":"))
        scale = _ULTRA_SIDE / max(across, down)
        width, height = round(across * scale), round(down * scale)
    return DrawRequest(
        prompt=request["prompt"] or "",
        seed=_seed(task),
        steps=request.get("steps", 40),
        strength=request["finetune_strength"],
        width=width,
        height=height,
        format="PNG" if request["output_format"] == "png" else "JPEG",
        enlarged=_ENLARGED,
    )

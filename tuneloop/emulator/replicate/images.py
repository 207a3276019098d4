"""Images by the versions that trainings have made: POST /v1/predictions, polled until they are there.

Sources: Replicate's OpenAPI document of March 2026 (routes, fields, states; input and output are removed after an
hour). An image is drawn at half of its size, and one whose webhook is asked for is announced at its end only. A
prediction that has been accepted cannot be canceled here. No price is listed by the image: none is billed.
"""

import io
from typing import Any

from PIL import Image
from pydantic import ValidationError
from starlette.responses import Response

from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.deliveries import Message
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images import drawing
from tuneloop.emulator.images.drawing import DrawRequest
from tuneloop.emulator.job_views import styled
from tuneloop.emulator.replicate import trainings
from tuneloop.emulator.replicate.fields import WEBHOOK_SECRET, NewPrediction, authenticate, invalid
from tuneloop.emulator.replicate.inputs import TRAINERS
from tuneloop.emulator.replicate.models import trained
from tuneloop.emulator.replicate.responses import no_version, not_found
from tuneloop.emulator.tasks import Task

DELIVERY = "/delivery/"
"""Where finished images lie under the emulator's own address; no token is asked for there."""
_KEPT_S = 3600
_LONGEST_SIDE = 512


def submit(call: Call) -> Response:
    """Accept an image and bill it."""
    emulation, switches = call.emulation, call.emulation.switches.now
    body: NewPrediction = call.fields
    job = trained(emulation, body.version.rpartition(":")[2])
    if job is None:
        raise no_version()
    try:
        checked = TRAINERS[job.request["model"]].image.model_validate(body.input)
    except ValidationError as error:
        raise invalid(error, "input.") from None
    request = {"sent": body.input, "version": body.version.rpartition(":")[2], **checked.model_dump()}
    with emulation.state.transaction():
        task = emulation.tasks.add(job.id, request, switches.image_s, switches.images_fail)
        emulation.billing.record(task.id, "inference", job.id, {**checked.model_dump(), "model_name": job.name})
        if body.webhook is not None and "completed" in body.webhook_events_filter:
            end = _end(emulation, task)
            message = Message(end, _document(emulation, task, call.base_url, end, task.ends))
            emulation.webhooks.schedule(task.id, message, task.ends, url=body.webhook, secret=WEBHOOK_SECRET)
    response = accepted(emulation, _document(emulation, task, call.base_url, "starting", task.created), task.id)
    response.status_code = 201
    return response


def get(call: Call) -> dict[str, Any]:
    """Say how far an image is; a training is found here as well."""
    emulation, task = call.emulation, call.emulation.tasks.find(call.path["id"])
    if task is None:
        return trainings.get(call)
    now = emulation.clock.now()
    share = task.share(now)
    status = _end(emulation, task) if share >= 1 else "starting" if share < 0.5 else "processing"
    return _document(emulation, task, call.base_url, status, now)


def cancel(call: Call) -> dict[str, Any]:
    """Stop a training; an image goes on."""
    return trainings.cancel(call) if call.emulation.tasks.find(call.path["id"]) is None else get(call)


def deliver(call: Call) -> Response:
    """Send a finished image, while it is kept."""
    emulation = call.emulation
    if emulation.switches.now.downloads_need_key:
        authenticate(call.request)
    task, now = emulation.tasks.find(call.path["id"]), emulation.clock.now()
    job = emulation.jobs.find(task.model, polled=False) if task else None
    if task is None or job is None or not task.ends <= now < task.ends + _KEPT_S:
        raise not_found()
    form = task.request["output_format"]
    number = int(call.path["file"].removeprefix("out-").partition(".")[0])
    content = drawing.draw(trainings.model_of(emulation, job), _draw_request(task, number))
    return Response(_written_as(content, form), media_type=f"image/{'jpeg' if form == 'jpg' else form}")


def _written_as(content: bytes, form: str) -> bytes:
    if form != "webp":
        return content
    written = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.save(written, "WEBP", quality=90)
    return written.getvalue()


def _end(emulation: Emulation, task: Task) -> str:
    return emulation.jobs.lifecycle.failed_state(task.failure) if task.failure else "succeeded"


def _document(emulation: Emulation, task: Task, base_url: str, status: str, now: float) -> dict[str, Any]:
    job = emulation.jobs.find(task.model, polled=False)
    trainer = TRAINERS[job.request["model"]] if job else None
    removed, address = now >= task.ends + _KEPT_S, f"{base_url}/v1/predictions/{task.id}"
    host = emulation.switches.now.image_host or base_url
    drawn = [
        f"{host}{DELIVERY}{task.id}/out-{number}.{task.request['output_format']}"
        for number in range(task.request.get("num_outputs", 1))
    ]
    output: Any = drawn if trainer and trainer.several else drawn[0]
    shown: dict[str, Any] = {
        "id": task.id,
        "model": job.request["destination"] if job else "",
        "version": task.request["version"],
        "input": {} if removed else task.request["sent"],
        "logs": "",
        "output": output if status == "succeeded" and not removed else None,
        "data_removed": removed,
        "error": task.failure if status == "failed" else None,
        "status": styled(emulation, status),
        "source": "api",
        "created_at": iso_utc(task.created),
        "urls": {"web": f"https://replicate.com/p/{task.id}", "get": address, "cancel": f"{address}/cancel"},
    }
    if status not in ("starting", "processing"):
        seconds = round(task.ends - task.created, 3)
        times = {"started_at": iso_utc(task.created), "completed_at": iso_utc(task.ends)}
        shown |= {**times, "metrics": {"predict_time": seconds, "total_time": seconds}}
    return shown


def _draw_request(task: Task, number: int) -> DrawRequest:
    request = task.request
    if request["aspect_ratio"] == "custom":
        across, down = request["width"] or 1024, request["height"] or 1024
    else:
        across, down = map(int, request["aspect_ratio"].split(":"))
    scale = _LONGEST_SIDE / max(across, down)
    seed = request["seed"] if request["seed"] is not None else int(task.id[:8], 16)
    return DrawRequest(
        prompt=request["prompt"],
        seed=seed + number,
        steps=request["num_inference_steps"],
        strength=request["lora_scale"],
        width=round(across * scale),
        height=round(down * scale),
        format="JPEG" if request["output_format"] == "jpg" else "PNG",
    )

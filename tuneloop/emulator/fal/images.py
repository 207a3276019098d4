"""Images of fal: accepted with the addresses of their weights, and drawn when they are first asked for.

Sources: OpenAPI documents of its LoRA endpoints (output); errors page (a file that cannot be downloaded is a 422
of the model). Weights come from any address, so the training that made them is found by the fingerprint in the
file. Real endpoints also draw without a LoRA, or with any other; here there is no base model, and such an image
fails.
"""

import base64
from typing import Any

from starlette.responses import Response

from tuneloop.emulator import weights
from tuneloop.emulator.calls import Call
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fal import webhooks
from tuneloop.emulator.fal.fields import checked
from tuneloop.emulator.fal.inference import ENDPOINTS, SIZES, Endpoint
from tuneloop.emulator.fal.responses import Invalid, Rejected, field_error
from tuneloop.emulator.fal.results import Error, infrastructure_error, mark, model_error
from tuneloop.emulator.fal.trainers import TRAINERS
from tuneloop.emulator.images import drawing, edits
from tuneloop.emulator.images.drawing import DrawRequest, Model
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.outgoing import NotPublic, fetch
from tuneloop.emulator.tasks import Task

DRAWN = "/files/drawn/"
"""Where finished images lie under the emulator's own address."""
_HEADER_BYTES = 1 << 16
"""As much of the weights as is kept to find the fingerprint."""
_DRAWN_STEPS = 28
"""Steps that draw a finished image; the default of an endpoint counts as so many."""
_USUAL_RATE = 1e-4
_FORMATS: dict[str, Any] = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}


class _Unusable(Exception):
    """Something that a request names cannot be used: the field, and why."""

    def __init__(self, loc: list[str | int], reason: str) -> None:
        super().__init__(reason)
        self.detail = [field_error(["body", *loc], reason, "file_download_error")]


def accept(call: Call, endpoint: Endpoint, webhook: str | None) -> str:
    """Accept an image, bill it, and return its id."""
    emulation, switches = call.emulation, call.emulation.switches.now
    fields, detail = checked(endpoint.input, call.fields)
    if detail and switches.checks_input == "at submit":
        raise Invalid(detail)
    values = fields.model_dump(mode="json") if fields else {}
    job, before = None, ""
    try:
        if not detail:
            job, before = _model(emulation, endpoint, values), _before(emulation, endpoint, values)
    except _Unusable as unusable:
        detail = unusable.detail
    request = {"endpoint": endpoint.name, "input": values, "sent": call.fields, "detail": detail, "before": before}
    failure = detail[0]["msg"] if detail else switches.images_fail
    with emulation.state.transaction():
        task = emulation.tasks.add(job.id if job else "", request, switches.image_s, failure)
        summary = {"endpoint": endpoint.name, "seed": values.get("seed"), "prompt": values.get("prompt")}
        emulation.billing.record(task.id, "inference", task.model, summary)
        if webhook is not None:
            error = error_of(task)
            told = (error.status, error.body) if error else (200, output(emulation, task, call.base_url))
            message = webhooks.message(task.id, *told)
            emulation.webhooks.schedule(task.id, message, task.ends, url=webhook, secret=webhooks.SECRET)
    return task.id


def error_of(task: Task) -> Error | None:
    """Return how an image fails in the end, None for one that does not."""
    if not task.failure:
        return None
    detail = task.request["detail"] or [field_error(["body"], task.failure, "value_error")]
    return infrastructure_error(task.failure) or model_error(detail)


def output(emulation: Emulation, task: Task, base_url: str) -> dict[str, Any]:
    """Return the result of a finished image."""
    values, kind = task.request["input"], task.request["input"]["output_format"]
    width, height = _size(task)
    origin = emulation.switches.now.image_host or base_url
    images = [
        {"url": f"{origin}{DRAWN}{task.id}/{number}.{kind}", "width": width, "height": height}
        for number in range(values["num_images"])
    ]
    if values["sync_mode"]:
        images = [{**image, "url": _data_uri(emulation, task, number)} for number, image in enumerate(images)]
    return {
        "images": [{**image, "content_type": f"image/{kind}"} for image in images],
        "timings": {"inference": round(task.ends - task.created, 3)},
        "seed": _seed(task),
        "has_nsfw_concepts": [False] * len(images),
        "prompt": values["prompt"],
    }


def send(call: Call) -> Response:
    """Send a finished image."""
    task = call.emulation.tasks.find(call.path["id"])
    number, _, kind = call.path["file"].partition(".")
    done = task is not None and not task.failure and task.share(call.emulation.clock.now()) >= 1
    if task is None or not done or not number.isdecimal() or int(number) >= task.request["input"]["num_images"]:
        raise Rejected(404, "Not Found")
    return Response(_draw(call.emulation, task, int(number)), media_type=f"image/{kind}")


def _model(emulation: Emulation, endpoint: Endpoint, values: dict[str, Any]) -> Job:
    """Return the training that made the first of the weights."""
    if not values["loras"]:
        raise _Unusable(["loras"], "The emulator has no base model: name the weights of one of its trainings")
    made = [_made(emulation, endpoint, lora["path"], number) for number, lora in enumerate(values["loras"])]
    return made[0]


def _made(emulation: Emulation, endpoint: Endpoint, url: str, number: int) -> Job:
    """Return the training that made the weights at an address."""
    loc: list[str | int] = ["loras", number, "path"]
    found = weights.metadata(_fetched(emulation, url, loc, _HEADER_BYTES)).get("fingerprint")
    jobs = [job for job in emulation.jobs.all(polled=False) if job.status == emulation.jobs.lifecycle.trained]
    made = next((job for job in jobs if mark(emulation, job) == found), None)
    if made is None or TRAINERS[made.request["endpoint"]].inference != endpoint.name:
        raise _Unusable(loc, "The weights do not fit this model")
    return made


def _before(emulation: Emulation, endpoint: Endpoint, values: dict[str, Any]) -> str:
    """Return the image to edit as base64; empty where none is edited."""
    if endpoint.images_field is None:
        return ""
    named = values[endpoint.images_field]
    content = _fetched(emulation, named if isinstance(named, str) else named[0], [endpoint.images_field], None)
    try:
        edits.size_of(content)
    except (OSError, SyntaxError, ValueError):
        raise _Unusable([endpoint.images_field], "Failed to load the image") from None
    return base64.b64encode(content).decode()


def _fetched(emulation: Emulation, url: str, loc: list[str | int], most: int | None) -> bytes:
    """Return the first bytes, or all, of a file at an address of ours, at another one, or in a data URI."""
    content = bytearray()

    def keep(chunk: bytes) -> None:
        content.extend(chunk if most is None else chunk[: most - len(content)])

    key = emulation.objects.key_of(url) or _own_key(emulation, url)
    try:
        if key is not None:
            # No file there, or none any more, is the OSError.
            path = emulation.objects.path(key if emulation.provider.produce(emulation, key) else "")
            with path.open("rb") as file:
                keep(file.read(most or -1))
        elif url.startswith("data:"):
            keep(base64.b64decode(url.partition("base64,")[2], validate=True))
        else:
            fetch(url, keep, head=False)
    except (NotPublic, OSError, ValueError):
        raise _Unusable(loc, "Failed to download the file") from None
    return bytes(content)


def _own_key(emulation: Emulation, url: str) -> str | None:
    """Return the key of a file that one of our trainings has made."""
    _, found, key = url.partition(PREFIX)
    job_id = key.split("/")[1] if key.count("/") == 2 else ""
    return key if found and emulation.jobs.find(job_id, polled=False) else None


def _seed(task: Task) -> int:
    seed = task.request["input"]["seed"]
    return int(task.id[:8], 16) if seed is None else int(seed)


def _size(task: Task) -> tuple[int, int]:
    size = task.request["input"]["image_size"]
    if size is None:
        return edits.size_of(base64.b64decode(task.request["before"]))
    return SIZES[size] if isinstance(size, str) else (size["width"], size["height"])


def _draw(emulation: Emulation, task: Task, number: int) -> bytes:
    values, job = task.request["input"], emulation.jobs.find(task.model, polled=False)
    if job is None:
        raise Rejected(404, "Not Found")
    width, height = _size(task)
    # Half of the pixels each way, enlarged, take a quarter of the time.
    scale = 1 if width % 2 or height % 2 else 2
    request = DrawRequest(
        prompt=values["prompt"],
        seed=_seed(task) + number,
        steps=round(
            values["num_inference_steps"] * _DRAWN_STEPS / ENDPOINTS[task.request["endpoint"]].usual_steps
        ),
        strength=values["loras"][0]["scale"],
        width=width // scale,
        height=height // scale,
        format=_FORMATS[values["output_format"]],
        enlarged=scale,
    )
    before = base64.b64decode(task.request["before"])
    model = _drawing_model(emulation, job)
    return edits.edited(model, request, before) if before else drawing.draw(model, request)


def _drawing_model(emulation: Emulation, job: Job) -> Model:
    trainer, values = TRAINERS[job.request["endpoint"]], job.request["input"]
    steps, rate = trainer.default(trainer.steps_field, 1000), trainer.default("learning_rate", _USUAL_RATE)
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=mark(emulation, job),
        steps=values.get(trainer.steps_field) or int(steps),
        learning_rate=values.get("learning_rate", rate),
        right_dose=steps * rate,
    )


def _data_uri(emulation: Emulation, task: Task, number: int) -> str:
    kind = task.request["input"]["output_format"]
    return f"data:image/{kind};base64,{base64.b64encode(_draw(emulation, task, number)).decode()}"

"""A fine-tuned model of Segmind: what a request for its image may hold, its weights, and what it draws.

Sources: Segmind: Flux Dev Finetuned page; page of a public fine-tuned model (its own endpoint, the same body
without finetune_id). The Flux Dev page shows 10 of 13 aspect ratios and 10 of 26 samplers: the three hidden
ratios are the mirrored wide ones; of the samplers any name is taken. No page shows the body for Kontext and
Qwen models: theirs is taken to be the same, for Kontext with the image that it changes as `image`, whose
shape the response keeps where no aspect_ratio is given.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images import drawing
from tuneloop.emulator.images import edits as image_edits
from tuneloop.emulator.images.drawing import DrawRequest, Model
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.outgoing import NotPublic, fetch
from tuneloop.emulator.segmind.fields import Body, Text, check
from tuneloop.emulator.segmind.responses import Rejected, finetune_id, slug
from tuneloop.emulator.segmind.trainers import trainer_of

SHARED_SLUG = "flux-dev-finetuned"
"""The endpoint of all Flux models, which takes the id of one."""
WEIGHTS = "segmind-sd-models/finetune/finetuned_models"
"""Bucket and folder of all weights files."""
_LONGEST_SIDE = 512
"""Pixels. Half of what the real model draws, so that tests are quick."""
_EXAMPLE_RATE = 0.0004
_NOT_IN_THE_WEIGHTS = {"name", "machine_type", "segmind_public", "data_source_path", "finetune_id"}
_DATA_URI = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,", re.IGNORECASE)

_AspectRatio = Literal[
    "1:1", "2:3", "3:4", "5:8", "9:16", "9:19", "9:21", "3:2", "4:3", "8:5", "16:9", "19:9", "21:9"
]


class _Image(Body):
    prompt: Text
    steps: Annotated[int, Field(ge=1, le=100)]
    seed: int
    scheduler: Literal["normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"]
    sampler_name: Text
    aspect_ratio: _AspectRatio
    lora_strength: Annotated[float, Field(ge=-10, le=10)]
    hardware: Literal["fast", "cost"] = "cost"


class _SharedImage(_Image):
    finetune_id: Text


class _Edit(_Image):
    image: Text
    aspect_ratio: _AspectRatio = "1:1"


def requested_model(emulation: Emulation, endpoint: str, body: dict[str, Any]) -> tuple[Job, dict[str, Any]]:
    """Return the model that a slug is called for and the checked body, whose `image`, if any, is base64 text.

    Raises:
        Rejected: for a body the page does not allow (400, 406), an image that is none or cannot be read (400),
            or a model that is not there (404).
    """
    if endpoint == SHARED_SLUG:
        check(_SharedImage, body)
    called = body["finetune_id"] if endpoint == SHARED_SLUG else endpoint
    job = _available(emulation, endpoint, called)
    if job is None:
        raise Rejected(404, f"Model {called} not found or not available")
    learns_edits = trainer_of(job.request).learns_edits
    if endpoint != SHARED_SLUG:
        check(_Edit if learns_edits else _Image, body)
    return job, _with_image(body) if learns_edits else body


def _available(emulation: Emulation, endpoint: str, called: str) -> Job | None:
    """Return the model that an endpoint knows by this name, if it can draw."""
    if endpoint == SHARED_SLUG:
        job = by_finetune_id(emulation, called)
        job = job if job is not None and job.request["theme"] == "FLUX" else None
    else:
        job = next((job for job in emulation.jobs.all(polled=False) if slug(job) == called), None)
    return job if job is not None and job.status == "AVAILABLE" else None


def by_finetune_id(emulation: Emulation, called: str) -> Job | None:
    """Return the job of a finetune_id, None if there is none."""
    return next((job for job in emulation.jobs.all(polled=False) if finetune_id(job) == called), None)


def _with_image(body: dict[str, Any]) -> dict[str, Any]:
    try:
        content = _bytes_of(body["image"])
        image_edits.size_of(content)
    except NotPublic as reason:
        raise Rejected(400, f"image {reason}") from None
    except (OSError, SyntaxError, ValueError):
        raise Rejected(400, "image must be an image: base64 text, a data URI or a public URL") from None
    return {**body, "image": base64.b64encode(content).decode()}


def _bytes_of(image: str) -> bytes:
    if image.startswith(("http://", "https://")):
        content = bytearray()
        fetch(image, content.extend)
        return bytes(content)
    return base64.b64decode(_DATA_URI.sub("", image, count=1), validate=True)


def image(emulation: Emulation, job: Job, body: Mapping[str, Any]) -> bytes:
    """Return the JPEG that a checked request asks for."""
    model, ratio = _model(emulation, job), body.get("aspect_ratio")
    before = base64.b64decode(body["image"]) if trainer_of(job.request).learns_edits else b""
    across, down = map(int, ratio.split(":")) if ratio else image_edits.size_of(before)
    scale = _LONGEST_SIDE / max(across, down)
    request = DrawRequest(
        prompt=body["prompt"],
        seed=body["seed"],
        steps=body["steps"],
        strength=float(body["lora_strength"]),
        width=max(1, round(across * scale)),
        height=max(1, round(down * scale)),
    )
    return image_edits.edited(model, request, before) if before else drawing.draw(model, request)


def bill(emulation: Emulation, entry_id: str, job: Job, body: Mapping[str, Any]) -> None:
    """Record an image in the billing ledger; of an image that was sent, only its digest."""
    summary = {**body, "model_name": job.name}
    if "image" in summary:
        summary["image"] = "sha256:" + hashlib.sha256(base64.b64decode(body["image"])).hexdigest()
    emulation.billing.record(entry_id, "inference", job.id, summary)


def weights_url(job: Job, base_url: str) -> str:
    """Return where the weights of a job lie once it is trained; nobody may read there without a signature."""
    file = re.sub(r"[^A-Za-z0-9._-]", "-", job.name)
    return f"{base_url}{PREFIX}{WEIGHTS}/{job.id}/{file}.safetensors"


def weights_mark(emulation: Emulation, job: Job) -> str:
    """Return the fingerprint of a job's dataset and of what of its request changes the weights."""
    return emulation.weights_mark(job, _NOT_IN_THE_WEIGHTS)


def _model(emulation: Emulation, job: Job) -> Model:
    parameters = job.request["advance_parameters"]
    example = trainer_of(job.request).example_steps
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=weights_mark(emulation, job),
        # Left out, they count as the values of the page's example; Segmind names no defaults.
        steps=parameters.get("steps", example),
        learning_rate=parameters.get("learning_rate", _EXAMPLE_RATE),
        right_dose=example * _EXAMPLE_RATE,
    )

"""A fine-tuned model of Segmind: what a request for its image may say, and what it draws.

Sources: Segmind: Flux Dev Finetuned page; page of a public fine-tuned model (its own endpoint, the same body
without finetune_id). The Flux Dev page shows 10 of 13 aspect ratios and 10 of 26 samplers: the three hidden
ratios are the mirrored wide ones; of the samplers any name is taken. No page shows the body for Kontext and
Qwen models: theirs is taken to be the same, for Kontext with the image that it changes as `image`, whose
shape the answer keeps where no aspect_ratio is given.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from tuneloop.emulator import weights
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.images import drawing
from tuneloop.emulator.images import edits as image_edits
from tuneloop.emulator.images.values import DrawRequest, Model
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.objects import PREFIX
from tuneloop.emulator.public_file import NotPublic, fetch
from tuneloop.emulator.segmind.answers import finetune_id, slug
from tuneloop.emulator.segmind.fields import check, choice, integer, number, text
from tuneloop.emulator.segmind.refusals import Refused
from tuneloop.emulator.segmind.trainers import theme_of

SHARED_SLUG = "flux-dev-finetuned"
"""The endpoint of all Flux models, which takes the id of one."""
WEIGHTS = "segmind-sd-models/finetune/finetuned_models"
"""Bucket and folder of all weights files."""
ASPECT_RATIOS = (
    "1:1", "2:3", "3:4", "5:8", "9:16", "9:19", "9:21", "3:2", "4:3", "8:5", "16:9", "19:9", "21:9",
)  # fmt: skip
_SCHEDULERS = ("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")
_FIELDS = {
    "prompt": text(),
    "steps": integer(1, 100),
    "seed": integer(),
    "scheduler": choice(*_SCHEDULERS),
    "sampler_name": text(),
    "aspect_ratio": choice(*ASPECT_RATIOS),
    "lora_strength": number(-10, 10),
    "hardware": choice("fast", "cost", required=False),
}
_SHARED_FIELDS = _FIELDS | {"finetune_id": text()}
_EDIT_FIELDS = _FIELDS | {"image": text(), "aspect_ratio": choice(*ASPECT_RATIOS, required=False)}
_LONGEST_SIDE = 512
"""Pixels. Half of what the real model draws, so that tests are quick."""
_EXAMPLE_RATE = 0.0004
_NOT_IN_THE_WEIGHTS = {"name", "machine_type", "segmind_public", "data_source_path", "finetune_id"}
_UUID_LENGTH = 36
_DATA_URI = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,", re.IGNORECASE)


def asked_for(emulation: Emulation, endpoint: str, body: Mapping[str, Any]) -> Job:
    """Return the model of a request, after its body has been checked.

    Args:
        emulation: whose jobs.
        endpoint: the slug that was called.
        body: what came.

    Raises:
        Refused: for a body the page does not allow (400, 406), or a model that is not there (404).
    """
    if endpoint == SHARED_SLUG:
        check(body, _SHARED_FIELDS)
    called = body["finetune_id"] if endpoint == SHARED_SLUG else endpoint
    job = _available(emulation, endpoint, called)
    if job is None:
        raise Refused(404, f"Model {called} not found or not available")
    if endpoint != SHARED_SLUG:
        check(body, _EDIT_FIELDS if theme_of(job.request).learns_edits else _FIELDS)
    return job


def _available(emulation: Emulation, endpoint: str, called: str) -> Job | None:
    """Return the model that an endpoint knows by this name, if it can draw."""
    if endpoint == SHARED_SLUG:
        job = by_finetune_id(emulation, called)
        known = job is not None and job.request["theme"] == "FLUX"
    else:
        # A slug begins with the id of its model, a UUID or a number.
        ids = (called[:_UUID_LENGTH], called.partition("-")[0])
        job = next((found for job_id in ids if (found := emulation.jobs.find(job_id, polled=False))), None)
        known = job is not None and slug(job) == called
    return job if known and job is not None and job.status == "AVAILABLE" else None


def by_finetune_id(emulation: Emulation, called: str) -> Job | None:
    """Return the job of a finetune_id, None if there is none."""
    job = emulation.jobs.find(called, polled=False)
    if job is not None and finetune_id(job) == called:
        return job
    return next(
        (job for job in emulation.jobs.all(polled=False) if job.request.get("finetune_id") == called), None
    )


def with_image(job: Job, body: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose `image`, if its model needs one, is base64 text; a URL has been read.

    Raises:
        Refused: for an image that is none, or cannot be read.
    """
    if not theme_of(job.request).learns_edits:
        return body
    try:
        content = _bytes_of(body["image"])
        image_edits.size_of(content)
    except NotPublic as reason:
        raise Refused(400, f"image {reason}") from None
    except (OSError, SyntaxError, ValueError):
        raise Refused(400, "image must be an image: base64 text, a data URI or a public URL") from None
    return {**body, "image": base64.b64encode(content).decode()}


def _bytes_of(image: str) -> bytes:
    if image.startswith(("http://", "https://")):
        content = bytearray()
        fetch(image, content.extend)
        return bytes(content)
    try:
        return base64.b64decode(_DATA_URI.sub("", image, count=1), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def image(emulation: Emulation, job: Job, body: Mapping[str, Any]) -> bytes:
    """Return the JPEG that a checked request asks for."""
    if not theme_of(job.request).learns_edits:
        return drawing.draw(_model(emulation, job), _wish(body, _size_of(body["aspect_ratio"])))
    before = base64.b64decode(body["image"])
    ratio = body.get("aspect_ratio")
    across, down = _size_of(ratio) if ratio else image_edits.size_of(before)
    return image_edits.edited(_model(emulation, job), _wish(body, (across, down)), before)


def billed(job: Job, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a request for the billing ledger; of an image, only its digest."""
    summary = {**body, "model_name": job.name}
    if "image" in summary:
        summary["image"] = "sha256:" + hashlib.sha256(base64.b64decode(body["image"])).hexdigest()
    return summary


def weights_url(job: Job, origin: str) -> str:
    """Return where the weights of a job lie once it is trained; nobody may read there without a signature."""
    file = re.sub(r"[^A-Za-z0-9._-]", "-", job.name)
    return f"{origin}{PREFIX}{WEIGHTS}/{job.id}/{file}.safetensors"


def weights_mark(emulation: Emulation, job: Job) -> str:
    """Return the fingerprint of a job's dataset and of what of its request changes the weights."""
    recipe = {name: value for name, value in job.request.items() if name not in _NOT_IN_THE_WEIGHTS}
    dataset = emulation.objects.find(job.dataset)
    return weights.fingerprint(dataset.etag if dataset else "", recipe)


def _model(emulation: Emulation, job: Job) -> Model:
    parameters = job.request["advance_parameters"]
    example = theme_of(job.request).example_steps
    return Model(
        archive=emulation.objects.path(job.dataset),
        mark=weights_mark(emulation, job),
        # Left out, they count as the values of the page's example; Segmind names no defaults.
        steps=parameters.get("steps", example),
        learning_rate=parameters.get("learning_rate", _EXAMPLE_RATE),
        right_dose=example * _EXAMPLE_RATE,
    )


def _size_of(aspect_ratio: str) -> tuple[int, int]:
    across, down = aspect_ratio.split(":")
    return int(across), int(down)


def _wish(body: Mapping[str, Any], shape: tuple[int, int]) -> DrawRequest:
    scale = _LONGEST_SIDE / max(shape)
    return DrawRequest(
        prompt=body["prompt"],
        seed=body["seed"],
        steps=body["steps"],
        strength=float(body["lora_strength"]),
        width=max(1, round(shape[0] * scale)),
        height=max(1, round(shape[1] * scale)),
    )

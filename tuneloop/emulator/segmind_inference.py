"""POST /v1/flux-dev-finetuned: a picture by a fine-tuned model.

Source: Segmind: Flux Dev Finetuned page. It shows 10 of 13 aspect ratios and 10 of 26 samplers: the three
hidden ratios are the mirrored wide ones; of the samplers any name is taken. The page says both "Text/JSON"
and, in an older form, image/jpeg; the gateway sends the bytes of the picture, and so does this.
"""

import time
import uuid
from typing import Any

from starlette.responses import Response

from tuneloop.emulator import pictures, weights
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.segmind_answers import Refused
from tuneloop.emulator.segmind_fields import check, choice, integer, number, text

ASPECT_RATIOS = (
    "1:1", "2:3", "3:4", "5:8", "9:16", "9:19", "9:21", "3:2", "4:3", "8:5", "16:9", "19:9", "21:9",
)  # fmt: skip
_SCHEDULERS = ("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")
_FIELDS = {
    "prompt": text(),
    "finetune_id": text(),
    "steps": integer(1, 100),
    "seed": integer(),
    "scheduler": choice(*_SCHEDULERS),
    "sampler_name": text(),
    "aspect_ratio": choice(*ASPECT_RATIOS),
    "lora_strength": number(-10, 10),
    "hardware": choice("fast", "cost", required=False),
}
_LONGEST_SIDE = 512
"""Pixels. Half of what the real model draws, so that tests are quick."""
_COST_USD = 0.034
"""Average price of a picture in Segmind's model directory."""
_CREDITS_USD = 1000.0
"""What the account holds before the first picture; it may run below zero, nothing is refused for it."""
_NOT_IN_THE_WEIGHTS = {"name", "machine_type", "segmind_public", "data_source_path"}


def draw(emulation: Emulation, body: dict[str, Any]) -> Response:
    """Draw one picture, bill it, and answer with its bytes.

    Raises:
        Refused: for a body the page does not allow (400, 406), or a model that is not there (404).
    """
    check(body, _FIELDS)
    job = emulation.jobs.find(body["finetune_id"], polled=False)
    if job is None or job.status != "AVAILABLE":
        raise Refused(404, f"Model {body['finetune_id']} not found or not available")
    begun = time.monotonic()
    content = pictures.draw(_model(emulation, job), _picture(body))
    request_id = str(uuid.uuid4())
    with emulation.state.transaction():
        emulation.billing.record(request_id, "inference", job.id, {**body, "model_name": job.name})
        left = _CREDITS_USD - _COST_USD * emulation.billing.count("inference")
    headers = {
        "x-cost": f"{_COST_USD}",
        "x-remaining-credits": f"{left:.3f}",
        "x-generation-time": f"{time.monotonic() - begun:.3f}",
        "x-seed-value": str(body["seed"]),
        "x-request-id": request_id,
    }
    return Response(content, media_type="image/jpeg", headers=headers)


def weights_mark(emulation: Emulation, job: Job) -> str:
    """Return the fingerprint of a job's dataset and of what of its request changes the weights."""
    recipe = {name: value for name, value in job.request.items() if name not in _NOT_IN_THE_WEIGHTS}
    dataset = emulation.objects.find(job.dataset)
    return weights.fingerprint(dataset.etag if dataset else "", recipe)


def _model(emulation: Emulation, job: Job) -> pictures.Model:
    parameters = job.request["advance_parameters"]
    return pictures.Model(
        archive=emulation.objects.path(job.dataset),
        mark=weights_mark(emulation, job),
        # Left out, they count as the values of the page's example; Segmind names no defaults.
        steps=parameters.get("steps", 1000),
        learning_rate=parameters.get("learning_rate", 0.0004),
    )


def _picture(body: dict[str, Any]) -> pictures.Wish:
    across, down = (int(side) for side in body["aspect_ratio"].split(":"))
    scale = _LONGEST_SIDE / max(across, down)
    return pictures.Wish(
        prompt=body["prompt"],
        seed=body["seed"],
        steps=body["steps"],
        strength=float(body["lora_strength"]),
        width=round(across * scale),
        height=round(down * scale),
    )

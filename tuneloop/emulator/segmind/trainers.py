"""Segmind's trainings: POST /finetune/request/submit, and what sets one trainer apart from another.

Sources: Segmind: Flux, Flux Kontext and Qwen fine-tuning pages. They mark no field as required; the older
SDK's OpenAPI does, for Flux (name, data_source_path, instance_prompt, trigger_word, base_model, train_type,
machine_type), and gives segmind_public a default. Kontext's page sends no trigger word, but the SDK must send
one with every theme, if only an empty one; it leaves out a theme of FLUX, its default. Ranges of the parameters
are published nowhere: only their types are held here, and signs where a negative number could mean nothing.
Kontext and Qwen show a few parameters and no list of them, so names that they do not show pass there, with any
single value.

A dataset lies at a URL that was given out for an upload, or at a public one that answers HEAD and GET with
Content-Length; the public file is read at once, though the provider may well read it later. What fails a
training: its open Flux worker, which takes a flat ZIP of images, and the README of
segmind/kontext-finetune-datasets (names of pairs). What the worker says to an image without its partner is not
published.
"""

import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.responses import Response

from tuneloop.emulator.archives import UNREADABLE_ERRORS, has_folders, image_names, is_damaged, pair_names
from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.deliveries import Subscription
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.job_views import json_id
from tuneloop.emulator.outgoing import NotPublic, fetch
from tuneloop.emulator.segmind import fields
from tuneloop.emulator.segmind.fields import FLAG, INTEGER, NUMBER, OBJECT, TEXT, Field, choice
from tuneloop.emulator.segmind.responses import Rejected

_EMPTY = "Looks like empty dataset. Please do not create subfolders, only zip the images"
_UNREADABLE = "Internal Server Error"
_BILLED = ("base_model", "theme", "machine_type", "data_source_path", "advance_parameters")
_PUBLIC = "public-datasets"
"""Bucket of what was read from public URLs."""
_PAIR = {"base_model": TEXT, "theme": TEXT}
_DEFAULT_THEME = "FLUX"
"""Of the base model of the same name."""


@dataclass(frozen=True)
class Trainer:
    """One pair of base_model and theme."""

    fields: dict[str, Field]
    """Top-level fields of a submit, but for base_model, theme and advance_parameters."""
    parameters: dict[str, Field]
    """Fields of advance_parameters; all of them may be left out."""
    example_steps: int
    """Steps in the page's example; its learning rate is 0.0004 on every page."""
    any_parameters: bool = False
    """Whether other parameters pass too."""
    submit_id: str = "finetune_id"
    """Name of the id in the response to a submit."""
    first_id: str = "id"
    """Name of the id in details and list, beside finetune_id."""
    learns_edits: bool = False
    """Whether it learns from pairs of images, and draws by changing one."""


def _common(*machine_types: str) -> dict[str, Field]:
    return {
        "name": TEXT,
        "data_source_path": TEXT,
        "instance_prompt": TEXT,
        "train_type": choice("LORA"),
        "machine_type": choice(*machine_types),
        "segmind_public": FLAG.optional,
    }


_COUNT = replace(INTEGER, low=1).optional
_FLUX_COUNTS = (
    "batch_size", "bucket_steps", "gradient_accumulation_steps", "linear", "linear_alpha", "lora_rank",
    "num_train_epochs", "repeats", "resolution", "steps",
)  # fmt: skip
_POSITIVE = replace(NUMBER, low=0).optional
_FLUX_PARAMETERS = {
    **dict.fromkeys(("auto_caption", "center_crop", "relative_step"), FLAG.optional),
    **dict.fromkeys(("content_or_style", "lr_scheduler", "optimizer_type", "prompt"), TEXT.optional),
    **dict.fromkeys(_FLUX_COUNTS, _COUNT),
    **dict.fromkeys(("learning_rate", "max_grad_norm", "noise_offset", "weight_decay"), _POSITIVE),
}
_FEW_PARAMETERS = {"steps": _COUNT, "learning_rate": _POSITIVE}

TRAINERS = {
    ("FLUX", "FLUX"): Trainer(
        fields=_common("NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S") | {"trigger_word": TEXT},
        parameters=_FLUX_PARAMETERS,
        example_steps=1000,
    ),
    ("FLUX", "KONTEXT"): Trainer(
        fields=_common("NVIDIA_H100") | {"trigger_word": fields.TEXT_OR_NULL},
        parameters=_FEW_PARAMETERS,
        example_steps=300,
        any_parameters=True,
        learns_edits=True,
    ),
    ("QWEN", "QWEN"): Trainer(
        fields=_common("NVIDIA_H100") | {"trigger_word": TEXT},
        parameters=_FEW_PARAMETERS | {"auto_caption": FLAG.optional},
        example_steps=1000,
        any_parameters=True,
        submit_id="request_id",
        first_id="request_id",
    ),
}
"""One row for each pair of base_model and theme."""


def trainer_of(request: Mapping[str, Any]) -> Trainer:
    """Return the row of an accepted request."""
    return TRAINERS[request["base_model"], request["theme"]]


def submit(call: Call) -> Response:
    """Accept a training. Webhooks announce it under the base URL of the call."""
    emulation, request = call.emulation, _checked(call.fields)
    key = _dataset(emulation, request["data_source_path"])
    trainer, job_id = trainer_of(request), emulation.new_id()
    if emulation.switches.now.two_ids:
        request["finetune_id"] = str(uuid.uuid4())
    failure = dataset_failure(emulation.objects.path(key), pairs=trainer.learns_edits)
    billed = {field: request[field] for field in _BILLED}
    emulation.accept(Subscription(job_id, call.base_url), request["name"], request, key, failure, billed)
    shown = request.get("finetune_id", job_id) if trainer.submit_id == "finetune_id" else job_id
    document = {"status": "REQUESTED", trainer.submit_id: json_id(shown), "name": request["name"]}
    return accepted(emulation, document, job_id)


def dataset_failure(archive: Path, *, pairs: bool = False) -> str | None:
    """Return the error message a training on this archive fails with, None for a good one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            images = image_names(opened)
            if not images or has_folders(opened):
                return _EMPTY
            paired = {name for pair in pair_names(opened) for name in pair}
            alone = [name for name in images if name not in paired] if pairs else []
            if alone:
                return f"{alone[0]} has no partner: name images INDEX_start and INDEX_end"
            return _UNREADABLE if is_damaged(opened, images) else None
    except UNREADABLE_ERRORS:
        return _UNREADABLE


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with its optional fields filled in."""
    if body.get("base_model") == _DEFAULT_THEME:
        body = {"theme": _DEFAULT_THEME, **body}
    pair = (body.get("base_model"), body.get("theme"))
    fields.check({field: body[field] for field in _PAIR if field in body}, _PAIR)
    trainer = TRAINERS.get((str(pair[0]), str(pair[1])))
    if trainer is None:
        raise Rejected(406, f"base_model {pair[0]} has no theme {pair[1]}")
    fields.check(body, trainer.fields | _PAIR | {"advance_parameters": OBJECT.optional})
    parameters = body.get("advance_parameters", {})
    fields.check(parameters, trainer.parameters, where="advance_parameters.", others=trainer.any_parameters)
    return {"segmind_public": False, **body, "advance_parameters": parameters}


def _dataset(emulation: Emulation, url: str) -> str:
    """Return the key of a dataset in the object store, where a public one is put first."""
    key = emulation.objects.key_of(url)
    if key is None:
        return _fetched(emulation, url)
    if emulation.objects.find(key) is None:
        raise Rejected(400, "data_source_path has no file: nothing has been uploaded there")
    return key


def _fetched(emulation: Emulation, url: str) -> str:
    incoming = emulation.objects.begin()
    try:
        fetch(url, incoming.write)
    except NotPublic as reason:
        incoming.drop()
        raise Rejected(
            400,
            f"data_source_path {reason}: it must be a URL given out for an upload, or a public one that answers"
            " HEAD and GET with Content-Length",
        ) from None
    key = f"{_PUBLIC}/{uuid.uuid4()}.zip"
    emulation.objects.keep(incoming, key)
    return key

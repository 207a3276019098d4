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
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from starlette.responses import Response

from tuneloop.emulator.archives import UNREADABLE_ERRORS, has_folders, image_names, is_damaged, pair_names
from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.deliveries import Subscription
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.job_views import json_id
from tuneloop.emulator.outgoing import NotPublic, fetch
from tuneloop.emulator.segmind.fields import Body, Fields, Text, check, text
from tuneloop.emulator.segmind.responses import Rejected

_EMPTY = "Looks like empty dataset. Please do not create subfolders, only zip the images"
_UNREADABLE = "Internal Server Error"
_BILLED = ("base_model", "theme", "machine_type", "data_source_path", "advance_parameters")
_PUBLIC = "public-datasets"
"""Bucket of what was read from public URLs."""
_DEFAULT_THEME = "FLUX"
"""Of the base model of the same name."""

_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(ge=0)]


class _FluxParameters(Body):
    """What may stand in advance_parameters; all of it may be left out, here and with the other trainers."""

    auto_caption: bool = False
    batch_size: _Count = 1
    bucket_steps: _Count = 1
    center_crop: bool = False
    content_or_style: Text = ""
    gradient_accumulation_steps: _Count = 1
    learning_rate: _Positive = 0
    linear: _Count = 1
    linear_alpha: _Count = 1
    lora_rank: _Count = 1
    lr_scheduler: Text = ""
    max_grad_norm: _Positive = 0
    noise_offset: _Positive = 0
    num_train_epochs: _Count = 1
    optimizer_type: Text = ""
    prompt: Text = ""
    relative_step: bool = False
    repeats: _Count = 1
    resolution: _Count = 1
    steps: _Count = 1
    weight_decay: _Positive = 0


class _FewParameters(Body):
    """Further ones pass too, each a single value."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | int | float | bool] = Field(init=False)

    learning_rate: _Positive = 0
    steps: _Count = 1


class _QwenParameters(_FewParameters):
    auto_caption: bool = False


class _Submit(Body):
    base_model: Text
    theme: Text
    name: Text
    data_source_path: Text
    instance_prompt: Text
    train_type: Literal["LORA"]
    segmind_public: bool = False


class _FluxSubmit(_Submit):
    machine_type: Literal["NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S"]
    trigger_word: Text
    advance_parameters: _FluxParameters = _FluxParameters()


class _KontextSubmit(_Submit):
    machine_type: Literal["NVIDIA_H100"]
    trigger_word: str | None = None
    advance_parameters: _FewParameters = _FewParameters()


class _QwenSubmit(_KontextSubmit):
    trigger_word: Text
    advance_parameters: _QwenParameters = _QwenParameters()


@dataclass(frozen=True)
class Trainer:
    """One pair of base_model and theme."""

    submit: type[Body]
    example_steps: int
    """Steps in the page's example; its learning rate is 0.0004 on every page."""
    submit_id: str = "finetune_id"
    """Name of the id in the response to a submit."""
    first_id: str = "id"
    """Name of the id in details and list, beside finetune_id."""
    learns_edits: bool = False
    """Whether it learns from pairs of images, and draws by changing one."""


TRAINERS = {
    ("FLUX", "FLUX"): Trainer(_FluxSubmit, 1000),
    ("FLUX", "KONTEXT"): Trainer(_KontextSubmit, 300, learns_edits=True),
    ("QWEN", "QWEN"): Trainer(_QwenSubmit, 1000, submit_id="request_id", first_id="request_id"),
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


def _checked(body: Fields) -> Fields:
    """Return the request with its optional fields filled in."""
    if body.get("base_model") == _DEFAULT_THEME:
        body = {"theme": _DEFAULT_THEME, **body}
    base_model, theme = text(body, "base_model"), text(body, "theme")
    if (base_model, theme) not in TRAINERS:
        raise Rejected(406, f"base_model {base_model} has no theme {theme}")
    check(TRAINERS[base_model, theme].submit, body)
    return {"segmind_public": False, "advance_parameters": {}, **body}


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

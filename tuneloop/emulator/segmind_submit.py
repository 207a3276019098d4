"""POST /finetune/request/submit: what each theme takes, and the acceptance of a training.

Source: Segmind: Flux fine-tuning page. The page marks no field as required; the older SDK's OpenAPI does
(name, data_source_path, instance_prompt, trigger_word, base_model, train_type, machine_type) and gives
segmind_public a default. Ranges of the parameters are published nowhere: only their types are held here,
and signs where a negative number could mean nothing.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator import dataset_zip
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.segmind_answers import Refused, submitted
from tuneloop.emulator.segmind_fields import Field, check, choice, flag, integer, number, text


@dataclass(frozen=True)
class Theme:
    """The request body of one pair of base_model and theme."""

    fields: dict[str, Field]
    """Top-level fields, but for base_model, theme and advance_parameters."""
    parameters: dict[str, Field]
    """Fields of advance_parameters; all of them may be left out."""


def _common(*machine_types: str) -> dict[str, Field]:
    return {
        "name": text(),
        "data_source_path": text(),
        "instance_prompt": text(),
        "train_type": choice("LORA"),
        "machine_type": choice(*machine_types),
        "segmind_public": flag(required=False),
    }


_FLUX_PARAMETERS = {
    **dict.fromkeys(("auto_caption", "center_crop", "relative_step"), flag(required=False)),
    **dict.fromkeys(("content_or_style", "lr_scheduler", "optimizer_type", "prompt"), text(required=False)),
    **dict.fromkeys(
        (
            "batch_size",
            "bucket_steps",
            "gradient_accumulation_steps",
            "linear",
            "linear_alpha",
            "lora_rank",
            "num_train_epochs",
            "repeats",
            "resolution",
            "steps",
        ),
        integer(1, required=False),
    ),
    **dict.fromkeys(("learning_rate", "max_grad_norm", "noise_offset", "weight_decay"), number(0, required=False)),
}

THEMES = {
    ("FLUX", "FLUX"): Theme(
        fields=_common("NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S") | {"trigger_word": text()},
        parameters=_FLUX_PARAMETERS,
    ),
}
"""One row for each pair of base_model and theme."""

_BILLED = ("base_model", "theme", "machine_type", "data_source_path", "advance_parameters")


def submit(emulation: Emulation, body: dict[str, Any]) -> dict[str, Any]:
    """Accept a training: one job and one entry in the billing ledger, together.

    Raises:
        Refused: for a body the theme's page does not allow, or a dataset that is not there.
    """
    request = _checked(body)
    key = emulation.objects.key_of(request["data_source_path"])
    if key is None:
        raise Refused(400, "data_source_path must be a URL given out for an upload")
    if emulation.objects.find(key) is None:
        raise Refused(400, "data_source_path has no file: nothing has been uploaded there")
    doom = dataset_zip.complaint(emulation.objects.path(key))
    job_id = str(uuid.uuid4())
    with emulation.state.transaction():
        emulation.jobs.add(job_id, request["name"], request, key, doom)
        summary = {field: request[field] for field in _BILLED}
        emulation.billing.record(job_id, "training", request["name"], summary)
    return submitted(job_id, request["name"])


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with its optional fields filled in."""
    pair = (body.get("base_model"), body.get("theme"))
    check({field: body[field] for field in ("base_model", "theme") if field in body}, _PAIR)
    theme = THEMES.get((str(pair[0]), str(pair[1])))
    if theme is None:
        raise Refused(406, f"base_model {pair[0]} has no theme {pair[1]}")
    check(body, theme.fields | _PAIR | {"advance_parameters": _PARAMETERS})
    parameters = body.get("advance_parameters", {})
    check(parameters, theme.parameters, where="advance_parameters.")
    return {"segmind_public": False, **body, "advance_parameters": parameters}


_PAIR = {"base_model": text(), "theme": text()}
_PARAMETERS = Field((dict,), "an object", required=False)

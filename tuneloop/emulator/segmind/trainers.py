"""What sets one theme of Segmind's training service apart from another: one row for each.

Sources: Segmind: Flux, Flux Kontext and Qwen fine-tuning pages. They mark no field as required; the older
SDK's OpenAPI does, for Flux (name, data_source_path, instance_prompt, trigger_word, base_model, train_type,
machine_type), and gives segmind_public a default. Kontext's page sends no trigger word, but the SDK must send
one with every theme, if only an empty one; it leaves out a theme of FLUX, its default. Ranges of the parameters
are published nowhere: only their types are held here, and signs where a negative number could mean nothing.
Kontext and Qwen show a few parameters and no list of them, so names that they do not show pass there, with any
single value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.segmind.fields import Field, choice, flag, integer, number, text, text_or_nothing


@dataclass(frozen=True)
class Theme:
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
    """How the answer to a submit calls the id."""
    first_id: str = "id"
    """How details and list call the id, beside finetune_id."""
    learns_edits: bool = False
    """Whether it learns from pairs of images, and draws by changing one."""


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
_FEW_PARAMETERS = {"steps": integer(1, required=False), "learning_rate": number(0, required=False)}

THEMES = {
    ("FLUX", "FLUX"): Theme(
        fields=_common("NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S") | {"trigger_word": text()},
        parameters=_FLUX_PARAMETERS,
        example_steps=1000,
    ),
    ("FLUX", "KONTEXT"): Theme(
        fields=_common("NVIDIA_H100") | {"trigger_word": text_or_nothing()},
        parameters=_FEW_PARAMETERS,
        example_steps=300,
        any_parameters=True,
        learns_edits=True,
    ),
    ("QWEN", "QWEN"): Theme(
        fields=_common("NVIDIA_H100") | {"trigger_word": text()},
        parameters=_FEW_PARAMETERS | {"auto_caption": flag(required=False)},
        example_steps=1000,
        any_parameters=True,
        submit_id="request_id",
        first_id="request_id",
    ),
}
"""One row for each pair of base_model and theme."""


def theme_of(request: Mapping[str, Any]) -> Theme:
    """Return the row of an accepted request."""
    return THEMES[request["base_model"], request["theme"]]

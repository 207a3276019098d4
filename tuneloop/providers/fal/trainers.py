"""fal's trainers, a row each. A further one is a further row: recipe, form, price and checks follow from it.

Sources: the trainers' pages at fal.ai/models and the OpenAPI that fal's platform gives for each of them, June
2026; for Krea 3 and FLUX 3 Klein their pages alone, autumn 2026. Prices: the same pages, or where a row says so a
list of others. A number that is not there is documented nowhere.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from tuneloop.providers.fal import services
from tuneloop.providers.fal.trainer import Rate, StepPrice, Steps, Trainer
from tuneloop.schemas.recipe_fields import LocalPipeline

READ_ON = date(2026, 11, 20)
"""When the pages were read."""
_PRICE_LIST = "a price list of others of September 2026, not fal's own"
_FLUX_1 = LocalPipeline(name="FluxPipeline", base="black-forest-labs/FLUX.1-dev")
_KONTEXT = LocalPipeline(name="FluxKontextPipeline", base="black-forest-labs/FLUX.1-Kontext-dev")


_LORA_FORMAT = {
    "output_lora_format": (
        Literal["fal", "comfy"],
        Field(default="fal", description="Names of the tensors in the weights: fal's own, or ComfyUI's."),
    )
}


def _switch(default: bool, description: str) -> tuple[type[bool], Any]:
    return bool, Field(default=default, description=description)


TRAINERS = (
    Trainer(
        recipe="fal-flux-lora",
        endpoint="fal-ai/flux-lora-fast-training",
        title="a FLUX.1 LoRA of a subject or a style",
        service=services.FLUX_LORA,
        zip_field="images_data_url",
        steps=Steps(1000, 1, 10_000),
        price=StepPrice(0.2),
        trigger_field="trigger_word",
        uncaptioned="captioned there",
        advised_images=4,
        local_pipeline=_FLUX_1,
        more={
            "is_style": _switch(
                False, "Train a style: no masks and no captioning there, the trigger word stands in for captions."
            ),
            "create_masks": _switch(True, "Weight the loss by masks of the subject, of people by their faces."),
        },
    ),
    Trainer(
        recipe="fal-flux-portrait-lora",
        endpoint="fal-ai/flux-lora-portrait-trainer",
        title="a FLUX.1 LoRA of a person",
        service=services.FLUX_LORA,
        zip_field="images_data_url",
        steps=Steps(2500, 1, 10_000),
        rate=Rate(9e-5, 1e-6, 1e-3),
        price=StepPrice(0.24),
        trigger_field="trigger_phrase",
        uncaptioned="trigger word",
        advised_images=10,
        local_pipeline=_FLUX_1,
        more={
            "subject_crop": _switch(True, "Crop the subject out of each image."),
            "create_masks": _switch(False, "Make masks of the subject."),
            "multiresolution_training": _switch(True, "Train at several resolutions."),
        },
    ),
    Trainer(
        recipe="fal-turbo-flux-lora",
        endpoint="fal-ai/turbo-flux-trainer",
        title="a FLUX.1 LoRA, faster",
        service=services.FLUX_LORA,
        zip_field="images_data_url",
        steps=Steps(1000, 1, 10_000),
        rate=Rate(1.15e-3, 1e-7, 1e-2),
        price=StepPrice(0.24),
        trigger_field="trigger_phrase",
        trigger_word="ohwx",
        uncaptioned="trigger word",
        advised_images=10,
        local_pipeline=_FLUX_1,
        more={
            "training_style": (
                Literal["subject", "style"],
                Field(default="subject", description="What to learn from the images."),
            ),
            "face_crop": _switch(True, "Look for a face, and crop to it."),
        },
    ),
    Trainer(
        recipe="fal-kontext-lora",
        endpoint="fal-ai/flux-kontext-trainer",
        title="a FLUX.1 Kontext LoRA that edits images",
        service=services.KONTEXT_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 2, 10_000),
        rate=Rate(1e-4),
        price=StepPrice(0.25, least_steps=500),
        has_default_caption=True,
        pairs=True,
        local_pipeline=_KONTEXT,
        more=_LORA_FORMAT,
    ),
    Trainer(
        recipe="fal-flux-2-lora",
        endpoint="fal-ai/flux-2-trainer",
        title="a FLUX.2 LoRA",
        service=services.FLUX_2_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 10_000, multiple=100),
        rate=Rate(5e-5),
        price=StepPrice(0.64),
        has_default_caption=True,
        advised_images=10,
        more=_LORA_FORMAT,
    ),
    Trainer(
        recipe="fal-flux-2-edit-lora",
        endpoint="fal-ai/flux-2-trainer/edit",
        title="a FLUX.2 LoRA that edits images",
        service=services.FLUX_2_LORA_EDIT,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 10_000, multiple=100),
        rate=Rate(5e-5),
        price=StepPrice(0.9, source=_PRICE_LIST),
        has_default_caption=True,
        pairs=True,
        more=_LORA_FORMAT,
    ),
    Trainer(
        recipe="fal-klein-lora",
        endpoint="fal-ai/flux-2-klein-9b-base-trainer",
        title="a FLUX.2 klein 9B LoRA",
        service=services.KLEIN_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 10_000, multiple=100),
        rate=Rate(5e-5),
        price=None,
        has_default_caption=True,
        advised_images=10,
        more=_LORA_FORMAT,
    ),
    Trainer(
        recipe="fal-qwen-lora",
        endpoint="fal-ai/qwen-image-2512-trainer",
        title="a Qwen Image 2512 LoRA",
        service=services.QWEN_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 30_000, multiple=100),
        rate=Rate(5e-4),
        price=StepPrice(0.15, source=_PRICE_LIST),
        has_default_caption=True,
    ),
    Trainer(
        recipe="fal-qwen-edit-lora",
        endpoint="fal-ai/qwen-image-edit-2509-trainer",
        title="a Qwen Image Edit 2509 LoRA",
        service=services.QWEN_EDIT_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 30_000, multiple=100),
        rate=Rate(1e-4),
        price=StepPrice(0.4, least_steps=100),
        has_default_caption=True,
        pairs=True,
    ),
    Trainer(
        recipe="fal-z-image-lora",
        endpoint="fal-ai/z-image-trainer",
        title="a Z-Image LoRA",
        service=services.Z_IMAGE_LORA,
        zip_field="image_data_url",
        steps=Steps(1000, 100, 10_000, multiple=100),
        rate=Rate(1e-4),
        price=StepPrice(0.226, least_steps=100),
        has_default_caption=True,
        advised_images=10,
        more={
            "training_type": (
                Literal["content", "style", "balanced"],
                Field(default="balanced", description="What to learn from the images."),
            )
        },
    ),
    Trainer(
        recipe="fal-krea-3-lora",
        endpoint="krea/v3/trainer",
        title="a Krea 3 LoRA",
        service=services.KREA_LORA,
        zip_field="training_data_url",
        steps=Steps(1000, 50, 10_000, wire_name="number_of_steps"),
        rate=Rate(1e-4),
        # No price is published at 2048.
        price=StepPrice({"1024": 0.4, "1536": 0.9}, least_steps=100),
        trigger_field="trigger_phrase",
        uncaptioned="trigger word",
        output_key="training_artifact",
        more={"resolution": (Literal[1024, 1536, 2048], Field(default=1024, description="Pixels to train at."))},
    ),
    Trainer(
        recipe="fal-flux-3-klein-lora",
        endpoint="blackforestlabs/flux-3/klein/base/trainer",
        title="a FLUX 3 Klein LoRA",
        service=services.FLUX_3_KLEIN_LORA,
        zip_field="images_data_url",
        steps=Steps(1000, 100, 10_000),
        rate=Rate(1e-4),
        price=StepPrice(0.43, least_steps=100),
        trigger_field="trigger_phrase",
        uncaptioned="trigger word",
        output_key="lora_file",
        more={"resolution": (Literal[512, 768, 1024], Field(default=1024, description="Pixels to train at."))},
    ),
    Trainer(
        recipe="fal-ideogram-4-lora",
        endpoint="ideogram/v4/trainer",
        title="an Ideogram 4 LoRA",
        service=services.IDEOGRAM_LORA,
        zip_field="images_data_url",
        steps=Steps(1000, 100, 40_000),
        rate=Rate(1e-4, 1e-6, 1e-2),
        price=StepPrice(0.675),
        has_default_caption=True,
        more={
            "resolution": (
                str,
                Field(
                    default="auto",
                    min_length=1,
                    description="Size to train at: auto, a preset such as square, or WIDTHxHEIGHT.",
                ),
            )
        },
    ),
)

BY_ENDPOINT = {row.endpoint: row for row in TRAINERS}
"""The rows by what fal calls them."""

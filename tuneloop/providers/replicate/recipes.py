"""Recipes of the trainers at Replicate, each at one version, and the models that they make.

Sources: the trainers' public repositories, replicate/flux-fine-tuner and replicate/qwen-image-lora-trainer
(inputs, ranges, defaults, datasets); pages of the trained models (inputs of an image).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from tuneloop.providers.base import Price
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.recipe_fields import BaseRecipe, LocalPipeline
from tuneloop.schemas.render_settings import ServiceSettings

_CENTS_PER_SECOND = 0.1525
"""Of the H100 on which both trainers run. Source: Replicate, pricing."""
_PRICED_ON = date(2026, 11, 20)
_SETUP_S = 240
"""Loading and packing; no page says how long it takes."""

Optimizer = Literal[
    "prodigy", "adam8bit", "adamw8bit", "lion8bit", "adam", "adamw", "lion", "adagrad", "adafactor"
]
OutputFormat = Literal["webp", "jpg", "png"]


class ReplicateFluxRender(ServiceSettings):
    """Render with a version that the FLUX trainer has made. Billed by the second: no price by the image."""

    endpoint: Literal["replicate-flux"] = "replicate-flux"
    """Which service renders."""
    model: Literal["dev", "schnell"] = "dev"
    """Base model; schnell needs four steps."""
    lora_scale: float = Field(default=1, ge=-1, le=2)
    """Strength of the LoRA, -1 to 2."""
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    """Denoising steps, 1 to 50."""
    guidance_scale: float = Field(default=3.5, ge=0, le=10)
    """Adherence to the prompt, 0 to 10."""
    aspect_ratio: Literal[
        "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21", "custom"
    ] = "1:1"
    """Width to height; custom takes width and height."""
    width: int | None = Field(default=None, ge=256, le=1440)
    """Width in pixels, 256 to 1440, where the ratio is custom."""
    height: int | None = Field(default=None, ge=256, le=1440)
    """Height in pixels, 256 to 1440, where the ratio is custom."""
    output_format: OutputFormat = "webp"
    """File format of the image."""
    output_quality: int = Field(default=90, ge=0, le=100)
    """Quality of a webp or jpg, 0 to 100."""
    disable_safety_checker: bool = False
    """Let images pass that the safety checker would refuse."""


class ReplicateQwenRender(ServiceSettings):
    """Render with a version that the Qwen trainer has made. Billed by the second: no price by the image."""

    endpoint: Literal["replicate-qwen"] = "replicate-qwen"
    """Which service renders."""
    lora_scale: float = Field(default=1, ge=0, le=3)
    """Strength of the LoRA, 0 to 3."""
    num_inference_steps: int = Field(default=50, ge=1, le=50)
    """Denoising steps, 1 to 50."""
    guidance: float = Field(default=4, ge=0, le=10)
    """Adherence to the prompt, 0 to 10."""
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"] = "16:9"
    """Width to height."""
    negative_prompt: str | None = None
    """What should not be in the image."""
    enhance_prompt: bool = False
    """Let the model rewrite the prompt; images are then harder to compare."""
    go_fast: bool = False
    """Faster, and less exact."""
    output_format: OutputFormat = "webp"
    """File format of the image."""
    output_quality: int = Field(default=80, ge=0, le=100)
    """Quality of a webp or jpg, 0 to 100."""


class ReplicateRecipe(BaseRecipe):
    """A training at Replicate."""

    provider: ClassVar[str] = "replicate"
    trained_on: ClassVar[str]
    """The public model that trains, OWNER/NAME."""
    version: ClassVar[str]
    """The one of its versions that these fields are of: versions never change."""
    dataset_input: ClassVar[str]
    """The input that takes the address of the images."""
    name_input: ClassVar[str]
    """The input in which the job's name travels: it changes nothing, and every list shows it again."""
    seconds_per_step: ClassVar[float]
    """Estimated from reports of whole trainings, for a batch of one."""

    steps: int
    batch_size: int

    @property
    def destination(self) -> str:
        """Name of the account's model that gets a version by each training. An account can have 1,000 models."""
        return f"tuneloop-{self.trainer}"

    def price(self) -> Price:
        """An estimate: what is billed is the time, which nobody knows before."""
        seconds = _SETUP_S + self.steps * self.batch_size * self.seconds_per_step
        cents = math.ceil(seconds * _CENTS_PER_SECOND)
        basis = f"an estimate: about {seconds / 60:.0f} minutes on an H100 at $0.001525 a second"
        return Price(cents, basis, _PRICED_ON)


class ReplicateFluxLoraRecipe(ReplicateRecipe):
    """Train a FLUX.1 dev LoRA with ostris/flux-dev-lora-trainer."""

    trained_on: ClassVar[str] = "ostris/flux-dev-lora-trainer"
    version: ClassVar[str] = "26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2"
    dataset_input: ClassVar[str] = "input_images"
    name_input: ClassVar[str] = "wandb_run"
    """Without a wandb_api_key it is documented to have no effect."""
    seconds_per_step: ClassVar[float] = 1.2
    local_pipeline: ClassVar[LocalPipeline | None] = LocalPipeline(
        name="FluxPipeline", base="black-forest-labs/FLUX.1-dev"
    )
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ReplicateFluxRender,)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(recommended_min_images=10)
    example: ClassVar[dict[str, JsonValue]] = {"trigger_word": "{trigger}"}

    trainer: Literal["replicate-flux-lora"] = "replicate-flux-lora"
    """Which trainer this is."""
    trigger_word: str = Field(default="TOK", min_length=1)
    """The rare word that stands for the subject; it is put in front of captions that lack it."""
    autocaption: bool = True
    """Let the trainer caption the images that have no caption."""
    autocaption_prefix: str | None = None
    """Beginning of the captions that the trainer writes."""
    autocaption_suffix: str | None = None
    """End of the captions that the trainer writes."""
    steps: int = Field(default=1000, ge=3, le=6000)
    """Training steps, 3 to 6000; 500 to 4000 are advised. The price depends on them."""
    learning_rate: float = Field(default=0.0004, gt=0)
    """Learning rate, above 0."""
    batch_size: int = Field(default=1, ge=1)
    """Images per training step."""
    resolution: str = Field(default="512,768,1024", pattern=r"^\d+(,\d+)*$")
    """Sizes of the images, in pixels, with commas between them."""
    lora_rank: int = Field(default=16, ge=1, le=128)
    """Rank of the LoRA, 1 to 128."""
    caption_dropout_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of the steps in which the caption is left out, 0 to 1."""
    optimizer: Optimizer = "adamw8bit"
    """Optimizer."""
    cache_latents_to_disk: bool = False
    """For very many images."""
    layers_to_optimize_regex: str | None = None
    """Train only the layers whose names match."""
    gradient_checkpointing: bool = False
    """Less memory, more time; always on where batch_size is above 1."""

    @property
    def provider_captions(self) -> bool:
        return self.autocaption


class ReplicateQwenLoraRecipe(ReplicateRecipe):
    """Train a Qwen Image LoRA with qwen/qwen-image-lora-trainer. It knows no trigger word."""

    trained_on: ClassVar[str] = "qwen/qwen-image-lora-trainer"
    version: ClassVar[str] = "f28eb39544f2c0dff4fbd9d50588fd75789f7ef26f6118456a96c2eedddddf90"
    dataset_input: ClassVar[str] = "dataset"
    name_input: ClassVar[str] = "default_caption"
    """It is used for images without a caption of their own, and every image is sent with one."""
    seconds_per_step: ClassVar[float] = 1.4
    local_pipeline: ClassVar[LocalPipeline | None] = LocalPipeline(
        name="QwenImagePipeline", base="Qwen/Qwen-Image"
    )
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ReplicateQwenRender,)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(captions_required=True)
    form_fields: ClassVar[Mapping[str, str]] = {"default_caption": "instance_prompt"}
    example: ClassVar[dict[str, JsonValue]] = {"instance_prompt": "a photo of a small robot"}

    trainer: Literal["replicate-qwen-lora"] = "replicate-qwen-lora"
    """Which trainer this is."""
    instance_prompt: str = Field(min_length=1)
    """What the images show, in plain words: the caption of images without one, and written beside each of them."""
    steps: int = Field(default=1000, ge=100, le=6000)
    """Training steps, 100 to 6000. The price depends on them."""
    learning_rate: float = Field(default=0.0002, ge=0.00001, le=0.001)
    """Learning rate, 0.00001 to 0.001."""
    lora_rank: int = Field(default=64, ge=8, le=128)
    """Rank of the LoRA, 8 to 128."""
    batch_size: Literal[1, 2, 4] = 1
    """Images per training step."""
    optimizer: Literal["adamw", "adamw8bit", "adam8bit", "prodigy"] = "adamw"
    """Optimizer."""
    seed: int | None = None
    """Makes a training repeatable. Left out: random."""

    @property
    def default_caption(self) -> str | None:
        return self.instance_prompt

    def sent_fields(self) -> dict[str, JsonValue]:
        return {name: value for name, value in super().sent_fields().items() if name != "instance_prompt"}


RECIPES: tuple[type[ReplicateRecipe], ...] = (ReplicateFluxLoraRecipe, ReplicateQwenLoraRecipe)

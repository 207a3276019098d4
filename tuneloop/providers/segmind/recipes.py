"""Recipes of Segmind's trainers, Flux, Flux Kontext and Qwen LoRAs, and the services that render with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from tuneloop.schemas.dataset import DatasetRequirements, ImageFormat
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.recipe_fields import BaseRecipe, LocalPipeline
from tuneloop.schemas.render_settings import ServiceSettings

_ZIP_LIMIT_ELSEWHERE = 100_000_000
"""The pages of FLUX_PRO and FAST_FLUX demand less than 100 MB; those of the trainers here say nothing."""
_USUAL_FORMATS: frozenset[ImageFormat] = frozenset({"jpeg", "png"})
"""What ai-toolkit reads, whose settings the FLUX page has. No page of Segmind's says so, so webp is a warning."""
_SUBJECT: dict[str, JsonValue] = {"instance_prompt": "a photo of {trigger}", "trigger_word": "{trigger}"}

AspectRatio = Literal[
    "1:1", "2:3", "3:4", "5:8", "9:16", "9:19", "9:21", "3:2", "4:3", "8:5", "16:9", "19:9", "21:9"
]
"""The 13 values of Segmind's Flux Dev Finetuned page; it shows ten and counts three more."""

NAMED_SAMPLERS = (
    "euler", "euler_pp", "euler_ancestral", "euler_ancestral_pp", "heun", "heunpp2", "dpm_2", "dpm_2_ancestral",
    "lms", "dpm_fast",
)  # fmt: skip
"""Samplers that the page names; it counts sixteen more, so any other text is passed on."""


class _FluxDevFields(ServiceSettings):
    """Source: Segmind, Flux Dev Finetuned page."""

    aspect_ratio: AspectRatio = "1:1"
    """Width to height."""
    scheduler: Literal["normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"] = (
        "simple"
    )
    """Noise schedule."""
    sampler_name: str = Field(default="euler", min_length=1, examples=list(NAMED_SAMPLERS))
    """Sampler, such as euler, euler_ancestral, heun, heunpp2, dpm_2, lms or dpm_fast; others are passed on."""
    steps: int = Field(default=25, ge=1, le=100)
    """Denoising steps, 1 to 100."""
    lora_strength: float = Field(default=1, ge=-10, le=10)
    """Strength of the LoRA, -10 to 10."""
    hardware: Literal["fast", "cost"] = "cost"
    """Changes latency and price, not the image."""


class FluxDevRender(_FluxDevFields):
    """Render with Segmind's flux-dev-finetuned. Source: Segmind, Flux Dev Finetuned page."""

    endpoint: Literal["flux-dev-finetuned"] = "flux-dev-finetuned"
    """Which service renders."""


class ModelEndpointRender(_FluxDevFields):
    """Render with the fine-tuned model's own address at Segmind.

    No page documents what a Kontext or Qwen fine-tune takes there. That it is the body of Flux Dev Finetuned
    without the id, and for Kontext an `image` beside it, is our assumption.
    """

    endpoint: Literal["model-slug"] = "model-slug"
    """Which service renders."""


class FluxLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for FLUX, all optional and sent only when set.

    Source: Segmind, Flux fine-tuning page. It shows one example value each, and no ranges or defaults.
    """

    auto_caption: bool | None = None
    """Let Segmind caption the images that have no caption. Page example: true."""
    batch_size: int | None = None
    """Images per training step. Page example: 2."""
    bucket_steps: int | None = None
    """Grid of the aspect ratio buckets, in pixels. Page example: 64."""
    center_crop: bool | None = None
    """Crop images to their centre. Page example: false."""
    content_or_style: str | None = None
    """What to learn. Page example: balanced."""
    gradient_accumulation_steps: int | None = None
    """Steps gathered before each update. Page example: 2."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate, above 0. Page example: 0.0004."""
    linear: int | None = None
    """Size of the LoRA's linear layers. Page example: 16."""
    linear_alpha: int | None = None
    """Alpha of the LoRA's linear layers. Page example: 16."""
    lora_rank: int | None = None
    """Rank of the LoRA. Page example: 128."""
    lr_scheduler: str | None = None
    """Learning rate schedule. Page example: constant."""
    max_grad_norm: float | None = None
    """Gradient clipping. Page example: 0."""
    noise_offset: float | None = None
    """Noise offset. Page example: 0."""
    num_train_epochs: int | None = None
    """Passes over the dataset. Page example: 1000."""
    optimizer_type: str | None = None
    """Optimizer. Page example: Adafactor."""
    prompt: str | None = None
    """Prompt of the sample image. Page example: driving a truck."""
    relative_step: bool | None = None
    """Adafactor's relative step. Page example: false."""
    repeats: int | None = None
    """How often each image is repeated per epoch. Page example: 100."""
    resolution: int | None = None
    """Training resolution in pixels. Page example: 1024."""
    steps: int | None = Field(default=None, gt=0)
    """Training steps, above 0. Page example: 1000."""
    weight_decay: float | None = None
    """Weight decay. Page example: 0.01."""


class KontextLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for Kontext. Source: Segmind, Flux Kontext fine-tuning page; no ranges."""

    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate, above 0; its range is undocumented. Page example: 0.0004."""
    steps: int | None = Field(default=None, gt=0)
    """Training steps, above 0; their range is undocumented. Page example: 300."""


class QwenLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for Qwen. Source: Segmind, Qwen fine-tuning page; no ranges."""

    steps: int | None = Field(default=None, gt=0)
    """Training steps, above 0; their range is undocumented. Page example: 1000."""
    auto_caption: bool | None = None
    """Let Segmind caption the images that have no caption. Page example: false."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate, above 0; its range is undocumented. Page example: 0.0004."""


class _SegmindRecipe(BaseRecipe):
    provider: ClassVar[str] = "segmind"
    excluded_from_key: ClassVar[frozenset[str]] = frozenset({"machine_type", "segmind_public"})

    form_fields: ClassVar[Mapping[str, str]] = {"default_caption": "instance_prompt"}
    base_model: ClassVar[str]
    theme: ClassVar[str]
    """What the trainer's page sends beside the recipe."""

    segmind_public: bool = False
    """Make the trained model public at Segmind. Not part of the training's identity."""

    @property
    def default_caption(self) -> str | None:
        """The instance prompt, which every trainer demands."""
        return getattr(self, "instance_prompt", None)


class FluxLoraRecipe(_SegmindRecipe):
    """Train a Flux LoRA on Segmind."""

    base_model: ClassVar[str] = "FLUX"
    theme: ClassVar[str] = "FLUX"
    local_pipeline: ClassVar[LocalPipeline | None] = LocalPipeline(
        name="FluxPipeline", base="black-forest-labs/FLUX.1-dev"
    )
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (FluxDevRender, ModelEndpointRender)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        recommended_formats=_USUAL_FORMATS,
        recommended_min_images=12,
        recommended_max_images=25,
        recommended_max_zip_bytes=_ZIP_LIMIT_ELSEWHERE,
    )
    """Source: Segmind, blog on custom FLUX images: 12 to 25 are advised. The API's pages name no limits."""
    example: ClassVar[dict[str, JsonValue]] = _SUBJECT

    trainer: Literal["flux-lora"] = "flux-lora"
    """Which trainer this is."""
    instance_prompt: str = Field(min_length=1)
    """What the images show. Also the caption of images without one, unless auto_caption is on."""
    trigger_word: str = Field(min_length=1)
    """The rare word that stands for the subject; it is put in front of captions that lack it."""
    machine_type: Literal["NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S"] = "NVIDIA_A100_40GB"
    """GPU: A100 balanced, H100 fastest, L40S cost-efficient. Not part of the training's identity."""
    advance_parameters: FluxLoraAdvanced = FluxLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""

    @property
    def provider_captions(self) -> bool:
        return bool(self.advance_parameters.auto_caption)


class KontextLoraRecipe(_SegmindRecipe):
    """Train a Flux Kontext LoRA on Segmind: a model that edits images, learned from pairs."""

    base_model: ClassVar[str] = "FLUX"
    theme: ClassVar[str] = "KONTEXT"
    local_pipeline: ClassVar[LocalPipeline | None] = LocalPipeline(
        name="FluxKontextPipeline", base="black-forest-labs/FLUX.1-Kontext-dev"
    )
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ModelEndpointRender,)
    edit_pairs: ClassVar[bool] = True
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        formats=frozenset({"jpeg", "png"}), min_images=2, recommended_max_zip_bytes=_ZIP_LIMIT_ELSEWHERE
    )
    """Source: Segmind, its repository of Kontext sample datasets: pairs of jpg, jpeg or png."""
    example: ClassVar[dict[str, JsonValue]] = {"instance_prompt": "give the robot a hat"}

    trainer: Literal["kontext-lora"] = "kontext-lora"
    """Which trainer this is. The dataset holds NN_start, NN_end and, if wanted, NN.txt."""
    instance_prompt: str = Field(min_length=1)
    """The edit, as an instruction. Also the caption of pairs without an NN.txt."""
    machine_type: Literal["NVIDIA_H100"] = "NVIDIA_H100"
    """GPU; the page names one. Not part of the training's identity."""
    advance_parameters: KontextLoraAdvanced = KontextLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""


class QwenLoraRecipe(_SegmindRecipe):
    """Train a Qwen LoRA on Segmind, whose page says nothing about datasets."""

    base_model: ClassVar[str] = "QWEN"
    theme: ClassVar[str] = "QWEN"
    local_pipeline: ClassVar[LocalPipeline | None] = LocalPipeline(
        name="QwenImagePipeline", base="Qwen/Qwen-Image"
    )
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ModelEndpointRender,)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        recommended_formats=_USUAL_FORMATS, recommended_max_zip_bytes=_ZIP_LIMIT_ELSEWHERE
    )
    example: ClassVar[dict[str, JsonValue]] = _SUBJECT

    trainer: Literal["qwen-lora"] = "qwen-lora"
    """Which trainer this is."""
    instance_prompt: str = Field(min_length=1)
    """What the images show. Also the caption of images without one, unless auto_caption is on."""
    trigger_word: str = Field(min_length=1)
    """The rare word that stands for the subject; it is put in front of captions that lack it."""
    machine_type: Literal["NVIDIA_H100"] = "NVIDIA_H100"
    """GPU; the page names one. Not part of the training's identity."""
    advance_parameters: QwenLoraAdvanced = QwenLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""

    @property
    def provider_captions(self) -> bool:
        return bool(self.advance_parameters.auto_caption)

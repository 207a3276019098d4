"""Recipes of Segmind's trainers: Flux, Flux Kontext and Qwen LoRAs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from tuneloop.schemas.copies import ImagePreprocessing
from tuneloop.schemas.dataset import ImageFormat
from tuneloop.schemas.dataset_profile import DatasetRequirements
from tuneloop.schemas.form import require_discriminator
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import FluxDevRender, ModelEndpointRender, ServiceSettings

_ZIP_LIMIT_ELSEWHERE = 100_000_000
"""The pages of FLUX_PRO and FAST_FLUX demand less than 100 MB; those of the trainers here say nothing."""
_USUAL_FORMATS: frozenset[ImageFormat] = frozenset({"jpeg", "png"})
"""What ai-toolkit reads, whose settings the FLUX page has. No page of Segmind's says so, so webp is a warning."""


class FluxLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for FLUX, all optional and sent only when set.

    Source: Segmind, Flux fine-tuning page. It shows one example value each, and no ranges or defaults.
    """

    model_config = ConfigDict(title="Advanced parameters")

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


class FluxLoraRecipe(BaseRecipe):
    """Train a Flux LoRA on Segmind."""

    model_config = ConfigDict(title="Flux LoRA (Segmind)", json_schema_extra=require_discriminator("trainer"))
    provider: ClassVar[str] = "segmind"
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (FluxDevRender, ModelEndpointRender)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        advised_formats=_USUAL_FORMATS, advised_fewest=12, advised_most=25, advised_zip_bytes=_ZIP_LIMIT_ELSEWHERE
    )
    """Source: Segmind, blog on custom FLUX images: 12 to 25 are advised. The API's pages name no limits."""
    excluded_from_key: ClassVar[frozenset[str]] = frozenset({"machine_type", "segmind_public"})

    trainer: Literal["flux-lora"] = "flux-lora"
    """Which trainer this is; the tab above sets it."""
    instance_prompt: str = Field(min_length=1)
    """What the images show. Also the caption of images without one, unless auto_caption is on."""
    trigger_word: str = Field(min_length=1)
    """The rare word that calls the subject; it is put in front of captions that lack it."""
    machine_type: Literal["NVIDIA_A100_40GB", "NVIDIA_H100", "NVIDIA_L40S"] = "NVIDIA_A100_40GB"
    """GPU: A100 balanced, H100 fastest, L40S cost-efficient. Not part of the training's identity."""
    segmind_public: bool = False
    """Make the trained model public at Segmind. Not part of the training's identity."""
    advance_parameters: FluxLoraAdvanced = FluxLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""
    normalize: ImagePreprocessing | None = Field(default=None, title="Normalize")
    """Send changed copies in place of the images. Left out: copies only of those that EXIF data rotates."""

    @property
    def trigger(self) -> str:
        """The trigger word."""
        return self.trigger_word

    @property
    def default_caption(self) -> str:
        """The instance prompt."""
        return self.instance_prompt

    @property
    def provider_captions(self) -> bool:
        """Segmind captions where auto_caption is on."""
        return bool(self.advance_parameters.auto_caption)


class KontextLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for Kontext. Source: Segmind, Flux Kontext fine-tuning page; no ranges."""

    model_config = ConfigDict(title="Advanced parameters")

    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate, above 0; its range is undocumented. Page example: 0.0004."""
    steps: int | None = Field(default=None, gt=0)
    """Training steps, above 0; their range is undocumented. Page example: 300."""


class KontextLoraRecipe(BaseRecipe):
    """Train a Flux Kontext LoRA on Segmind: a model that edits images, learned from pairs."""

    model_config = ConfigDict(
        title="Flux Kontext LoRA (Segmind)", json_schema_extra=require_discriminator("trainer")
    )
    provider: ClassVar[str] = "segmind"
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ModelEndpointRender,)
    excluded_from_key: ClassVar[frozenset[str]] = frozenset({"machine_type", "segmind_public"})
    edit_pairs: ClassVar[bool] = True
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        formats=frozenset({"jpeg", "png"}), fewest_images=2, advised_zip_bytes=_ZIP_LIMIT_ELSEWHERE
    )
    """Source: Segmind, its repository of Kontext sample datasets: pairs of jpg, jpeg or png."""

    trainer: Literal["kontext-lora"] = "kontext-lora"
    """Which trainer this is; the tab above sets it. The dataset holds NN_start, NN_end and, if wanted, NN.txt."""
    instance_prompt: str = Field(min_length=1)
    """The edit, as an instruction. Also the caption of pairs without an NN.txt."""
    machine_type: Literal["NVIDIA_H100"] = "NVIDIA_H100"
    """GPU; the page names one. Not part of the training's identity."""
    segmind_public: bool = False
    """Make the trained model public at Segmind. Not part of the training's identity."""
    advance_parameters: KontextLoraAdvanced = KontextLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""
    normalize: ImagePreprocessing | None = Field(default=None, title="Normalize")
    """Send changed copies in place of the images. Left out: copies only of those that EXIF data rotates."""

    @property
    def default_caption(self) -> str:
        """The instance prompt."""
        return self.instance_prompt


class QwenLoraAdvanced(FrozenModel):
    """Segmind's advance_parameters for Qwen. Source: Segmind, Qwen fine-tuning page; no ranges."""

    model_config = ConfigDict(title="Advanced parameters")

    steps: int | None = Field(default=None, gt=0)
    """Training steps, above 0; their range is undocumented. Page example: 1000."""
    auto_caption: bool | None = None
    """Let Segmind caption the images that have no caption. Page example: false."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate, above 0; its range is undocumented. Page example: 0.0004."""


class QwenLoraRecipe(BaseRecipe):
    """Train a Qwen LoRA on Segmind."""

    model_config = ConfigDict(title="Qwen LoRA (Segmind)", json_schema_extra=require_discriminator("trainer"))
    provider: ClassVar[str] = "segmind"
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (ModelEndpointRender,)
    excluded_from_key: ClassVar[frozenset[str]] = frozenset({"machine_type", "segmind_public"})
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        advised_formats=_USUAL_FORMATS, advised_zip_bytes=_ZIP_LIMIT_ELSEWHERE
    )
    """Segmind's Qwen page says nothing about datasets."""

    trainer: Literal["qwen-lora"] = "qwen-lora"
    """Which trainer this is; the tab above sets it."""
    instance_prompt: str = Field(min_length=1)
    """What the images show. Also the caption of images without one, unless auto_caption is on."""
    trigger_word: str = Field(min_length=1)
    """The rare word that calls the subject; it is put in front of captions that lack it."""
    machine_type: Literal["NVIDIA_H100"] = "NVIDIA_H100"
    """GPU; the page names one. Not part of the training's identity."""
    segmind_public: bool = False
    """Make the trained model public at Segmind. Not part of the training's identity."""
    advance_parameters: QwenLoraAdvanced = QwenLoraAdvanced()
    """Trainer settings; what is left out is Segmind's choice."""
    normalize: ImagePreprocessing | None = Field(default=None, title="Normalize")
    """Send changed copies in place of the images. Left out: copies only of those that EXIF data rotates."""

    @property
    def trigger(self) -> str:
        """The trigger word."""
        return self.trigger_word

    @property
    def default_caption(self) -> str:
        """The instance prompt."""
        return self.instance_prompt

    @property
    def provider_captions(self) -> bool:
        """Segmind captions where auto_caption is on."""
        return bool(self.advance_parameters.auto_caption)

"""What each trainer takes and what a model that it has made takes, and what its weights are packed in.

Sources: the trainers' public repositories (replicate/flux-fine-tuner, replicate/qwen-image-lora-trainer: inputs,
ranges, defaults, formats of images, files in the archives); the models' pages (inputs of an image). The input with
which nothing is trained, `skip_training_and_use_pretrained_hf_lora_url`, is left out.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from tuneloop.emulator.replicate.fields import Body, Text

Quality = Annotated[int, Field(ge=0, le=100)]
Format = Literal["webp", "jpg", "png"]


class FluxTraining(Body):
    """Of ostris/flux-dev-lora-trainer."""

    input_images: Text
    trigger_word: str = "TOK"
    autocaption: bool = True
    autocaption_prefix: str | None = None
    autocaption_suffix: str | None = None
    steps: Annotated[int, Field(ge=3, le=6000)] = 1000
    learning_rate: float = 0.0004
    batch_size: int = 1
    resolution: str = "512,768,1024"
    lora_rank: Annotated[int, Field(ge=1, le=128)] = 16
    caption_dropout_rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    optimizer: str = "adamw8bit"
    cache_latents_to_disk: bool = False
    layers_to_optimize_regex: str | None = None
    gradient_checkpointing: bool = False
    hf_repo_id: str | None = None
    hf_token: str | None = None
    wandb_api_key: str | None = None
    wandb_project: str = "flux_train_replicate"
    wandb_run: str | None = None
    wandb_entity: str | None = None
    wandb_sample_interval: Annotated[int, Field(ge=1)] = 100
    wandb_sample_prompts: str | None = None
    wandb_save_interval: Annotated[int, Field(ge=1)] = 100


class QwenTraining(Body):
    """Of qwen/qwen-image-lora-trainer."""

    dataset: Text
    steps: Annotated[int, Field(ge=100, le=6000)] = 1000
    learning_rate: Annotated[float, Field(ge=0.00001, le=0.001)] = 0.0002
    lora_rank: Annotated[int, Field(ge=8, le=128)] = 64
    default_caption: str = "A photo of a person named <>"
    batch_size: Literal[1, 2, 4] = 1
    optimizer: Literal["adamw", "adamw8bit", "adam8bit", "prodigy"] = "adamw"
    seed: int | None = None


class FluxImage(Body):
    """Of a model that ostris/flux-dev-lora-trainer has made."""

    prompt: str
    image: Text | None = None
    mask: Text | None = None
    aspect_ratio: Literal[
        "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21", "custom"
    ] = "1:1"
    width: Annotated[int, Field(ge=256, le=1440)] | None = None
    height: Annotated[int, Field(ge=256, le=1440)] | None = None
    num_outputs: Annotated[int, Field(ge=1, le=4)] = 1
    lora_scale: Annotated[float, Field(ge=-1, le=2)] = 1
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    model: Literal["dev", "schnell"] = "dev"
    guidance_scale: Annotated[float, Field(ge=0, le=10)] = 3.5
    prompt_strength: Annotated[float, Field(ge=0, le=1)] = 0.8
    seed: int | None = None
    extra_lora: str | None = None
    extra_lora_scale: Annotated[float, Field(ge=-1, le=2)] = 1
    output_format: Format = "webp"
    output_quality: Quality = 90
    replicate_weights: str | None = None
    disable_safety_checker: bool = False


class QwenImage(Body):
    """Of a model that qwen/qwen-image-lora-trainer has made."""

    prompt: str
    enhance_prompt: bool = False
    negative_prompt: str = " "
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "custom"] = "16:9"
    image_size: Literal["optimize_for_quality", "optimize_for_speed"] = "optimize_for_quality"
    width: Annotated[int, Field(ge=512, le=2048)] | None = None
    height: Annotated[int, Field(ge=512, le=2048)] | None = None
    go_fast: bool = False
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 50
    guidance: Annotated[float, Field(ge=0, le=10)] = 4
    seed: int | None = None
    output_format: Format = "webp"
    output_quality: Quality = 80
    replicate_weights: str | None = None
    lora_scale: Annotated[float, Field(ge=0, le=3)] = 1


@dataclass(frozen=True)
class Trainer:
    """One public model that can be trained on, at the one version that is known here."""

    model: str
    """OWNER/NAME."""
    version: str
    training: type[Body]
    image: type[Body]
    dataset: str
    """The input that holds the address of the images."""
    label: str
    """The input that a customer can tell a training by: it changes nothing where all images have captions."""
    packed: Literal["tar", "zip"]
    """What the weights are packed in."""
    several: bool
    """Whether an image's output is a list."""

    @property
    def right_dose(self) -> float:
        """Steps times learning rate of the trainer's defaults."""
        defaults: dict[str, Any] = {name: field.default for name, field in self.training.model_fields.items()}
        return float(defaults["steps"] * defaults["learning_rate"])


TRAINERS = {
    trainer.model: trainer
    for trainer in (
        Trainer(
            model="ostris/flux-dev-lora-trainer",
            version="26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2",
            training=FluxTraining, image=FluxImage, dataset="input_images", label="wandb_run", packed="tar",
            several=True,
        ),
        Trainer(
            model="qwen/qwen-image-lora-trainer",
            version="f28eb39544f2c0dff4fbd9d50588fd75789f7ef26f6118456a96c2eedddddf90",
            training=QwenTraining, image=QwenImage, dataset="dataset", label="default_caption", packed="zip",
            several=False,
        ),
    )
}  # fmt: skip
"""By their models."""

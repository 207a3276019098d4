"""The services of fal that render with a LoRA, a row each.

Sources: the OpenAPI that fal's platform gives for each of them, June 2026; the pages of flux-kontext-lora,
flux-2/lora/edit, ideogram/v4/lora and krea/v3/text-to-image/lora at fal.ai/models, autumn 2026. Not documented to
us: the inputs of qwen-image-edit-2509-lora, which are taken to be those of its siblings, and the id of FLUX 3
Klein's service.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, create_model

from tuneloop.errors import ConfigurationError
from tuneloop.schemas.render_settings import ServiceSettings

_LARGEST_PRESET_MEGAPIXELS = 1.05
"""square_hd, 1024 x 1024."""
Size = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
_PRESETS = {
    "1:1": "square_hd",
    "3:4": "portrait_4_3",
    "4:3": "landscape_4_3",
    "9:16": "portrait_16_9",
    "16:9": "landscape_16_9",
}
"""By their aspect ratio."""
Inputs = dict[str, Any]
"""Inputs of a service, as pydantic takes them."""


class LoraSettings(ServiceSettings):
    """What every service here has in common."""

    edits_by: ClassVar[Literal["image_url", "image_urls"] | None] = None
    """Input that takes the image to edit; None where it edits none."""

    lora_scale: float = Field(default=1, ge=0, le=4)
    """Strength of the LoRA, 0 to 4."""

    def shaped(self, aspect_ratio: str) -> Self:
        """See `ServiceSettings.shaped`: by a preset of fal's."""
        preset = _PRESETS.get(aspect_ratio)
        if preset is None or "image_size" not in type(self).model_fields:
            raise ConfigurationError(
                f"aspect_ratio: {self.endpoint} renders no images of {aspect_ratio}; choose one of "
                f"{', '.join(_PRESETS)}, or name its settings"
            )
        return self.model_copy(update={"image_size": preset})


def _service(
    endpoint: str,
    inputs: Inputs,
    edits_by: Literal["image_url", "image_urls"] | None = None,
    cents_per_megapixel: float | None = None,
    megapixels: float = _LARGEST_PRESET_MEGAPIXELS,
) -> type[LoraSettings]:
    """The settings of one service; `megapixels` are those that an image is billed for at most."""
    named: Any = (Literal[endpoint], Field(default=endpoint, description="Which service renders."))
    made = create_model(
        f"Fal_{endpoint.replace('/', '_').replace('-', '_')}",
        __base__=LoraSettings,
        __doc__=f"Render with fal's {endpoint}.",
        endpoint=named,
        **inputs,
    )
    made.edits_by = edits_by
    if cents_per_megapixel is not None:
        made.cents_per_image = round(cents_per_megapixel * megapixels, 2)
    return made


def _size(default: Size = "landscape_4_3") -> Inputs:
    return {"image_size": (Size, Field(default=default, description="Size of the image, one of fal's presets."))}


def _steps(default: int, least: int, most: int) -> Inputs:
    description = f"Denoising steps, {least} to {most}."
    return {"num_inference_steps": (int, Field(default=default, ge=least, le=most, description=description))}


def _guidance(default: float, most: float) -> Inputs:
    description = f"Adherence to the prompt, 0 to {most:g}."
    return {"guidance_scale": (float, Field(default=default, ge=0, le=most, description=description))}


def _format(*formats: str) -> Inputs:
    """Its file format; the first one is the default."""
    choice: Any = Literal[formats]
    return {"output_format": (choice, Field(default=formats[0], description="File format of the image."))}


_SAFETY: Inputs = {
    "enable_safety_checker": (bool, Field(default=True, description="Let fal look for images that are not safe."))
}
_FORMATS = _format("png", "jpeg", "webp")
_NEGATIVE: Inputs = {"negative_prompt": (str, Field(default="", description="What the image should not show."))}

FLUX_LORA = _service(
    "fal-ai/flux-lora",
    {**_size(), **_steps(28, 1, 50), **_guidance(3.5, 35), **_format("jpeg", "png"), **_SAFETY},
    cents_per_megapixel=3.5,
)
KONTEXT_LORA = _service(
    "fal-ai/flux-kontext-lora",
    {**_steps(30, 10, 50), **_guidance(2.5, 20), **_format("png", "jpeg")},
    edits_by="image_url",
    cents_per_megapixel=3.5,
)
FLUX_2_LORA = _service(
    "fal-ai/flux-2/lora",
    {**_size(), **_steps(28, 4, 50), **_guidance(2.5, 20), **_FORMATS, **_SAFETY},
    cents_per_megapixel=2.1,
)
FLUX_2_LORA_EDIT = _service(
    "fal-ai/flux-2/lora/edit",
    {**_steps(28, 4, 50), **_guidance(2.5, 20), **_FORMATS, **_SAFETY},
    edits_by="image_urls",
    cents_per_megapixel=2.1,
    # The image that is edited counts as one.
    megapixels=_LARGEST_PRESET_MEGAPIXELS + 1,
)
KLEIN_LORA = _service(
    "fal-ai/flux-2/klein/9b/base/lora",
    {**_size(), **_steps(28, 4, 50), **_guidance(5, 20), **_FORMATS, **_NEGATIVE, **_SAFETY},
)
QWEN_LORA = _service(
    "fal-ai/qwen-image-2512/lora",
    {**_size(), **_steps(28, 1, 50), **_guidance(4, 20), **_FORMATS, **_NEGATIVE, **_SAFETY},
)
QWEN_EDIT_LORA = _service("fal-ai/qwen-image-edit-2509-lora", {**_NEGATIVE}, edits_by="image_urls")
Z_IMAGE_LORA = _service("fal-ai/z-image/turbo/lora", {**_size(), **_steps(8, 1, 8), **_FORMATS, **_SAFETY})
KREA_LORA = _service("krea/v3/text-to-image/lora", {}, cents_per_megapixel=5)
FLUX_3_KLEIN_LORA = _service("blackforestlabs/flux-3/klein/base/lora", {})
IDEOGRAM_LORA = _service(
    "ideogram/v4/lora",
    {
        **_size("square_hd"),
        "rendering_speed": (
            Literal["TURBO", "BALANCED", "QUALITY"],
            Field(default="BALANCED", description="Speed against quality."),
        ),
        "expansion_model": (
            Literal["None", "Medium", "Large"],
            Field(default="None", description="Let fal rewrite the prompt; images are then harder to compare."),
        ),
    },
)

"""How images are rendered: one form per service, its fields what the service documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tuneloop.errors import ConfigurationError
from tuneloop.schemas.frozen import FrozenModel

_PIXELS = 1024 * 1024
_STEP_PX = 32


class DefaultRender(FrozenModel):
    """Render as the recipe's own service does by default."""

    endpoint: Literal["default"] = "default"
    """Which service renders: the recipe's own."""


class ServiceSettings(FrozenModel):
    """Settings of one named service. Those that exist are in the providers' folders."""

    cents_per_image: ClassVar[float | None] = None
    """Price of an image in US cents by the provider's own list, None where it publishes none."""

    if TYPE_CHECKING:
        endpoint: str = ""
        """Which service renders: each subclass has its own literal."""

    def shaped(self, aspect_ratio: str) -> Self:
        """The same settings for images of an aspect ratio, such as 3:2, and of about a megapixel.

        Raises `ConfigurationError` where the service does not render such images.
        """
        fields, sides = type(self).model_fields, _sides(aspect_ratio)
        if "aspect_ratio" in fields:
            shape: dict[str, object] = {"aspect_ratio": aspect_ratio}
        elif "width" in fields and "height" in fields:
            shape = dict(zip(("width", "height"), sides, strict=True))
        else:
            raise ConfigurationError(f"aspect_ratio: {self.endpoint} has no such setting")
        try:
            return type(self).model_validate({**self.model_dump(), **shape})
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise ConfigurationError(
                f"aspect_ratio: {self.endpoint} does not render {aspect_ratio}: {why}"
            ) from None


def _sides(aspect_ratio: str) -> tuple[int, int]:
    """Width and height in pixels, in steps that every service takes."""
    found = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", aspect_ratio)
    if found is None:
        raise ConfigurationError(f"aspect_ratio: {aspect_ratio!r} is none; write it as 3:2")
    width, height = int(found[1]), int(found[2])
    scale = (_PIXELS / (width * height)) ** 0.5
    return round(width * scale / _STEP_PX) * _STEP_PX, round(height * scale / _STEP_PX) * _STEP_PX


def endpoint_of(service: type[ServiceSettings]) -> str:
    """What a service is called."""
    return str(service.model_fields["endpoint"].default)


SERVICES: dict[str, type[ServiceSettings]] = {}
"""Every service by its endpoint. `tuneloop.providers.registry` fills it; nothing here imports a provider."""


class _AnyService:
    """Validates by the endpoint's name among the services that are registered."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object"}


def _validated(value: Any) -> DefaultRender | ServiceSettings:
    if isinstance(value, DefaultRender | ServiceSettings):
        return value
    endpoint = value.get("endpoint") if isinstance(value, Mapping) else None
    if endpoint == "default":
        return DefaultRender.model_validate(value)
    if not isinstance(endpoint, str) or endpoint not in SERVICES:
        raise ValueError(f"endpoint {endpoint!r} is not known; name one of default, {', '.join(SERVICES)}")
    return SERVICES[endpoint].model_validate(value)


RenderSettings = Annotated[DefaultRender | ServiceSettings, _AnyService()]
"""How any service renders. The endpoint's name decides which."""

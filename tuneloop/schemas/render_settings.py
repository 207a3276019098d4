"""How images are rendered: one form per service, its fields what the service documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tuneloop.schemas.frozen import FrozenModel


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

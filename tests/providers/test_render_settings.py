from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tuneloop.errors import ConfigurationError
from tuneloop.providers.registry import PROVIDERS
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.render_settings import SERVICES, ServiceSettings


@pytest.mark.parametrize("endpoint", ["no-such-service", ["a", "list"], {"a": "table"}, None])
def test_service_that_nobody_offers_is_a_validation_error_with_the_known_ones(endpoint: Any) -> None:
    with pytest.raises(ValidationError, match=r"is not known; name one of default, ") as caught:
        EvaluationConfig.model_validate({"settings": {"endpoint": endpoint}})
    assert caught.value.errors()[0]["loc"] == ("settings",)
    known = {service.model_fields["endpoint"].default for row in PROVIDERS for service in row.services}
    assert all(name in str(caught.value) for name in known)


_SHAPES = {"aspect_ratio", "image_size", "width"}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_service_with_a_setting_for_it_renders_square_and_landscape_images(
    service: type[ServiceSettings],
) -> None:
    if not _SHAPES & set(service.model_fields):
        with pytest.raises(ConfigurationError, match="aspect_ratio: "):
            service().shaped("1:1")
        return
    square, landscape = service().shaped("1:1"), service().shaped("4:3")
    assert len({square, landscape, service().shaped("3:4")}) == 3
    for shaped in (square, landscape):
        assert service.model_validate(shaped.model_dump()) == shaped
        assert {name for name in service.model_fields if name not in _SHAPES | {"height"}} == {
            name
            for name in service.model_fields
            if name not in _SHAPES | {"height"} and getattr(shaped, name) == getattr(service(), name)
        }


@pytest.mark.parametrize("ratio", ["square", "0:1", "1:1:1", "16/9", "97:1"])
def test_ratio_that_no_service_renders_is_refused_by_its_name(ratio: str) -> None:
    for service in SERVICES.values():
        with pytest.raises(ConfigurationError, match="aspect_ratio: "):
            service().shaped(ratio)

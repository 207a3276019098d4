from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tuneloop.providers.registry import PROVIDERS
from tuneloop.schemas.plan import EvaluationConfig


@pytest.mark.parametrize("endpoint", ["no-such-service", ["a", "list"], {"a": "table"}, None])
def test_service_that_nobody_offers_is_a_validation_error_with_the_known_ones(endpoint: Any) -> None:
    with pytest.raises(ValidationError, match=r"is not known; name one of default, ") as caught:
        EvaluationConfig.model_validate({"settings": {"endpoint": endpoint}})
    assert caught.value.errors()[0]["loc"] == ("settings",)
    known = {service.model_fields["endpoint"].default for row in PROVIDERS for service in row.services}
    assert all(name in str(caught.value) for name in known)

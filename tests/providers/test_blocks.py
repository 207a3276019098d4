"""What every block type of Prefect should have: a description, a link, an example, a logo."""

from __future__ import annotations

import os

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite

from tuneloop.orchestration.blocks import credentials_types


class TestBlocks(BlockStandardTestSuite):
    """Prefect's own tests of a block type."""

    @pytest.fixture(params=list(credentials_types().values()), ids=list(credentials_types()))
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        kind: type[Block] = request.param
        return kind

    if "LIVE" not in os.environ:
        test_has_a_valid_image = None  # type: ignore[assignment] # it fetches the logo, and nothing else here needs the internet


@pytest.mark.parametrize("kind", credentials_types().values(), ids=credentials_types())
def test_form_has_a_tab_for_null_only_where_null_is_not_the_default(kind: type[Block]) -> None:
    schema = kind.model_json_schema()
    fields = {**schema["properties"], **schema["definitions"]["SpendingGuard"]["properties"]}
    tabs = {name for name, field in fields.items() if {"type": "null"} in field.get("anyOf", ())}
    assert tabs == {"trainings_per_day", "images_per_model"}
    secrets = {name for name, field in kind.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secrets == {*schema["secret_fields"]}
    assert all(fields[name]["format"] == "password" for name in secrets)

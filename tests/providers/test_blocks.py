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

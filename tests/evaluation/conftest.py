from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import draw_pictures
from tests.evaluation.evidence import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store with two datasets of small pictures."""
    return World.made(tmp_path / "world", draw_pictures(tmp_path / "samples", 4), side_px=64)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import draw_images
from tests.evaluation.evidence import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store with two datasets of small images."""
    return World.made(tmp_path / "world", draw_images(tmp_path / "samples", 4), side_px=64)

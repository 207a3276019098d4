from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import draw_images
from tests.evaluation.evidence import World
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.evaluation.render import ModelUnderTest
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.training import Submission


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store with two datasets of small images."""
    return World.made(tmp_path / "world", draw_images(tmp_path / "samples", 4), side_px=64)


@pytest.fixture
def subject(provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe) -> ModelUnderTest:
    job_id = provider.submit("robot-1", recipe, provider.deliver("robot-1", archive), Deadline(60)).job_id
    provider.get_job(Submission(job_id=job_id))
    return ModelUnderTest("robot-1", job_id, "ROBOX")

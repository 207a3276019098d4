from __future__ import annotations

from pathlib import Path

import pytest

from tuneloop.datasets.captions import CaptionRule
from tuneloop.storage.local import LocalDirectory


@pytest.fixture
def rule() -> CaptionRule:
    return CaptionRule(trigger_word="TEABOT", instance_prompt=None, provider_captions=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    return made


@pytest.fixture
def store(tmp_path: Path) -> LocalDirectory:
    made = tmp_path / "store"
    made.mkdir()
    return LocalDirectory(made)

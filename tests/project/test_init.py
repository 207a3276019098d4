"""What `tuneloop init` makes where nobody names anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tuneloop.cli.init import Given, init_project
from tuneloop.providers.registry import TRAINERS, row_of

NOTHING = Given(
    images=None, trigger_word=None, trainer=None, key=None, block=None, schedule=None, model=None, base_url=None
)


def test_trainer_that_nobody_has_named_takes_new_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    init_project(tmp_path / "robots", NOTHING, ask=False)
    file = yaml.safe_load((tmp_path / "robots" / "deployments" / "robots.yaml").read_text())
    trainer = file["deployments"][0]["parameters"]["recipe"]["trainer"]
    assert row_of(TRAINERS[trainer].provider).client.capabilities.is_open
    assert "takes no new trainings" not in capsys.readouterr().out

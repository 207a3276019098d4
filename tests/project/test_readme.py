"""The commands of README's first screen do what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.project.readme import README, demo_output, shown_in_readme
from tuneloop.orchestration.deployment_files import check_file


def alike(output: str) -> list[str]:
    """The lines of an output, without what differs from run to run: digits, and how text is wrapped."""
    return re.sub(r"[\d.,:]+|[0-9a-f]{8,}", "0", " ".join(output.split())).split()


@pytest.mark.long
def test_demo_from_the_wheel_in_an_empty_folder_says_what_readme_shows(installed: Path, tmp_path: Path) -> None:
    output = demo_output(tmp_path, str(installed), "--json", "out.json")
    document = json.loads((tmp_path / "out.json").read_text())
    assert [run["state"] for run in document["runs"]] == ["Completed", "Cached", "Completed"]
    assert document["billing"]["trainings"] == 2
    assert alike(output) == alike(shown_in_readme())


def test_deployment_that_readme_shows_is_valid(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown.splitlines()) <= 12
    file = tmp_path / "robots.yaml"
    file.write_text(shown)
    assert check_file(file) == []
    assert [entry["name"] for entry in yaml.safe_load(shown)["deployments"]] == ["robots"]

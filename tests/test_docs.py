"""What the documents say is there, works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployments.deployment_files import check_file, deployment_files
from tuneloop.providers.capability_table import capability_table
from tuneloop.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
IDS = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def commands(document: Path) -> list[str]:
    """Every command in a shell block or between backticks."""
    text = document.read_text()
    found = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    found += re.findall(r"`((?:make|\.venv/bin/\w+|tuneloop) [^`\n]+)`", text)
    return [line.split("#")[0].strip() for line in found if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_paths_exist(document: Path) -> None:
    made_later = {".demo/", ".emulator/", ".env", ".tmp/", "screenshots/", "metadata.jsonl"}
    for path in re.findall(r"`((?:[a-z_]+/)+[a-z_./-]*|[a-z-]+\.(?:yaml|toml|txt))`", document.read_text()):
        store_names = path.split("/")[0] in {
            "pictures", "captions", "datasets", "trainings", "weights", "renders", "models", "runs", "inflight",
            "promotions", "budget", "doubles", "hints", "names", "words", "overdue", "inspections", "transfers",
            "asked",
        }  # fmt: skip
        if path not in made_later and not store_names:
            assert (ROOT / path).exists(), f"{document.name} names {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(document):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in targets, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_tuneloop_commands_and_options_exist(document: Path) -> None:
    for command in commands(document):
        words = shlex.split(command)
        if words[0] not in {"tuneloop", ".venv/bin/tuneloop"}:
            continue
        shown = subprocess.run(
            [sys.executable, "-m", "deployments.command_line", words[1], "--help"],
            capture_output=True, text=True, check=False, env={"COLUMNS": "200", "TERM": "dumb"},
        )  # fmt: skip
        assert shown.returncode == 0, command
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.stdout, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_settings_exist(document: Path) -> None:
    known = {f"TUNELOOP_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"TUNELOOP_[A-Z0-9_]+", document.read_text())) <= known


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    for name in Settings.model_fields:
        assert f"`TUNELOOP_{name.upper()}`" in text


def test_shipped_deployments_pass_the_check_and_have_a_cron_with_time_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TUNELOOP_STORE", "local-file-system/tuneloop")
    for file in deployment_files():
        assert check_file(file) == []
        for deployment in yaml.safe_load(file.read_text())["deployments"]:
            assert all(schedule["cron"] and schedule["timezone"] for schedule in deployment.get("schedules", []))


def test_constraints_hold_versions_and_hashes_and_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


def test_capability_table_is_the_one_the_code_gives() -> None:
    assert capability_table() in (ROOT / "docs" / "providers.md").read_text()

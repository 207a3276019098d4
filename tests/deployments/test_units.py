"""The units for systemd: what systemd says of them, what they promise, and a project that their commands run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.debian_packages import command
from tests.deployments.places import UNITS, unit

HOME = "/opt/tuneloop"


def installed_in(home: Path, units: Path) -> list[Path]:
    """The units for a project elsewhere; programs that do nothing are put where they look for theirs."""
    for program in ("prefect", "tuneloop"):
        file = home / ".venv" / "bin" / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    units.mkdir()
    for path in UNITS:
        (units / path.name).write_text(path.read_text().replace(HOME, str(home)))
    return sorted(units.iterdir())


def verdict(units: list[Path]) -> str:
    analyze = command("systemd-analyze", "systemd")
    done = subprocess.run([*analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if not done.returncode else f"it ended with {done.returncode}")


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = installed_in(tmp_path / "home", tmp_path / "units")
    assert verdict(units) == ""
    units[0].write_text(units[0].read_text().replace("Restart=", "Restarts="))
    assert "Restarts" in verdict(units)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_is_restarted_bounded_and_run_by_its_user(path: Path) -> None:
    service = {name: values[-1] for name, values in unit(path)["Service"].items()}
    assert service["Restart"] == "always"
    assert service["User"] == "tuneloop"
    assert service["MemoryMax"]
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == "true"
    assert service["WorkingDirectory"] == HOME
    assert service["EnvironmentFile"] == "-/etc/tuneloop/environment"
    assert unit(path)["Install"] == {"WantedBy": ["multi-user.target"]}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_can_be_reached_from_this_machine_only(path: Path) -> None:
    (line,) = unit(path)["Service"]["ExecStart"]
    assert line.startswith(f"{HOME}/.venv/bin/")
    assert "0.0.0.0" not in line  # noqa: S104 - this is what it must not be
    assert "--host" not in line or "--host 127.0.0.1" in line


def test_worker_outlives_a_run_that_takes_too_much() -> None:
    (path,) = [path for path in UNITS if path.stem == "tuneloop-worker"]
    assert unit(path)["Service"]["OOMPolicy"] == ["continue"]

"""The Dockerfile: what its linter says, what it promises, and its installing steps, run without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

import tuneloop
from tests.deployments.places import ROOT

DOCKERFILE = ROOT / "Dockerfile"
STEPS = [
    (step["instruction"], step["value"])
    for step in DockerfileParser(fileobj=DOCKERFILE.open("rb")).structure
    if step["instruction"] != "COMMENT"
]
ORDINARY_USER = 65534
PATHS = re.compile(r"(?<![\w.$}/])/(?:src|opt/tuneloop|project|home/tuneloop)\b")
"""Folders of the image, which lie below one folder here."""


def values(instruction: str) -> list[str]:
    return [value for name, value in STEPS if name == instruction]


def test_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_image_is_built_in_two_stages_from_one_base_that_a_builder_can_pin() -> None:
    assert values("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (base,) = values("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim-\w+", base)


def test_image_runs_as_an_ordinary_user_and_is_stopped_as_runs_on_kubernetes_need_it() -> None:
    (user,) = values("USER")
    assert user == "10001:10001"
    assert STEPS.index(("USER", user)) > STEPS.index(("COPY", "--from=build /opt/tuneloop /opt/tuneloop"))
    assert values("STOPSIGNAL") == []  # SIGTERM: at SIGINT, a run whose pod is evicted would stay Running


def test_only_what_is_locked_is_installed_and_nothing_is_compiled() -> None:
    from_the_index, from_here = [step for step in values("RUN") if " pip " in step]
    assert "--only-binary :all: --require-hashes --no-deps -r constraints.txt" in from_the_index
    assert "--no-deps --no-build-isolation ." in from_here
    assert not re.search(r"\b(apt-get|gcc|build-essential|curl|wget)\b", DOCKERFILE.read_text())


def context() -> set[str]:
    """Names of the files that the image is built from, as Docker's own client picks them."""
    patterns = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    return {name for name in exclude_paths(str(ROOT), patterns) if (ROOT / name).is_file()}


def test_nothing_gets_into_the_image_but_what_it_is_made_of() -> None:
    names = context()
    assert {
        "constraints.txt",
        "pyproject.toml",
        "tuneloop/api.py",
        "deployments/examples/comparison.yaml",
    } <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops - {"Dockerfile", ".dockerignore"} == {  # which only the builder itself is sent
        "LICENSE", "README.md", "blocks", "constraints.txt", "constraints-kubernetes.txt", "deployments", "flows",
        "hatch_build.py",        "prefect.yaml", "pyproject.toml", "tuneloop",
    }  # fmt: skip
    assert not [name for name in names if name.endswith((".pyc", ".env"))]


class Builder:
    """Runs steps of the Dockerfile below a folder, as a user who may write nowhere else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root
        # A Python with pip, as the base has one. What a shell finds first may be a version manager's own program.
        subprocess.run([sys.executable, "-m", "venv", root / "base"], check=True)
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        path = f"{root}/base/bin:/usr/bin:/bin"
        self.environment = {**kept, "PATH": path, "HOME": str(root), "LC_ALL": "C.UTF-8"}

    def placed(self, text: str) -> str:
        """A step with the image's folders below ours."""
        return PATHS.sub(lambda found: f"{self.root}{found[0]}", text)

    def run(self, command: str) -> str:
        """Run a command. Returns what it has printed."""
        # Root's Python may be in root's own home: this user can read everything, and nothing more.
        rights = "+dac_read_search"
        words = ["setpriv", f"--reuid={ORDINARY_USER}", f"--regid={ORDINARY_USER}", "--clear-groups"]
        words += [f"--inh-caps={rights}", f"--ambient-caps={rights}"]
        done = subprocess.run(
            [*(words if os.geteuid() == 0 else []), "sh", "-euc", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stdout + done.stderr
        return done.stdout

    def copy(self, value: str) -> None:
        """Do a COPY out of the context."""
        *names, target = value.split()
        for name in sorted(context()):
            if {".", name} & set(names):
                place = self.folder / target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, place)
        self.hand_over()

    def hand_over(self) -> None:
        if os.geteuid() == 0:
            for path in (self.root, *self.root.rglob("*")):
                os.chown(path, ORDINARY_USER, ORDINARY_USER, follow_symlinks=False)


@pytest.fixture
def builder() -> Iterator[Builder]:
    # Not below pytest's own folder, which other users cannot enter.
    with tempfile.TemporaryDirectory() as folder:
        made = Builder(Path(folder))
        made.hand_over()
        yield made


@pytest.mark.long
def test_steps_of_the_image_install_what_starts(builder: Builder) -> None:
    stage = 0
    for instruction, value in STEPS:
        stage += instruction == "FROM"
        placed = builder.placed(value)
        if instruction == "WORKDIR":
            builder.folder = Path(placed)
            builder.folder.mkdir(parents=True, exist_ok=True)
            builder.hand_over()
        elif instruction == "COPY" and stage == 1:
            builder.copy(placed)
        elif instruction == "RUN" and stage == 1:
            builder.run(placed)
        elif instruction == "RUN":
            assert value.startswith("useradd ")  # the one step that needs root
        elif instruction == "ENV":
            builder.environment |= dict(pair.split("=", 1) for pair in placed.split())
    shutil.rmtree(builder.root / "src")  # the second stage has only what was installed
    assert builder.run("tuneloop --version") == f"tuneloop {tuneloop.__version__}\n"
    assert "3.9.1" in builder.run("prefect version")
    assert not list((builder.root / "opt" / "tuneloop" / "bin").glob("pip*"))
    builder.run("python -c 'import prefect_redis, prefect_kubernetes, tuneloop.project.layer as l; l.shipped()'")

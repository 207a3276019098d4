"""What `make setup` leaves in .venv."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.MULTILINE)


def pinned(file: str) -> set[str]:
    return set(_PINNED.findall((ROOT / file).read_text()))


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv" or find_spec("open_clip") is not None,
    reason="another environment than that of make setup, or one with the extra clip",
)
def test_nothing_is_installed_beyond_the_lock_but_pip_and_tuneloop() -> None:
    there = {re.sub(r"[-_.]+", "-", found.name).lower() for found in distributions()}
    beyond = there - pinned("constraints.txt") - {"pip", "tuneloop"}
    assert not beyond, "made by an older Makefile? run: make clean setup"


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-clip.txt"])
def test_every_pin_has_hashes(file: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / file).read_text())
    assert entries
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_both_locks_agree_and_neither_names_torch() -> None:
    for line in re.findall(r"^[a-z0-9][^ ]*==[^ ]+", (ROOT / "constraints-clip.txt").read_text(), re.MULTILINE):
        if line.partition("==")[0] in pinned("constraints.txt"):
            assert line in (ROOT / "constraints.txt").read_text()
    assert not pinned("constraints-clip.txt") & {"torch", "torchvision", "setuptools"}

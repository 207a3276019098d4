"""Whose folder the demo empties."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tuneloop.demo.stack import fresh_folder
from tuneloop.errors import ConfigurationError


def test_folder_in_use_by_another_demo_is_left_alone(tmp_path: Path) -> None:
    another = os.getppid()
    (tmp_path / "demo.pid").write_text(str(another))
    (tmp_path / "weights").write_text("being written")
    with pytest.raises(ConfigurationError) as refused:
        fresh_folder(tmp_path)
    assert f"another demo (process {another}) uses {tmp_path}; stop it or name another" in str(refused.value)
    assert (tmp_path / "weights").exists()


def test_folder_that_is_no_demo_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="is not a demo's folder; name an empty one with --folder"):
        fresh_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_folder_of_a_demo_that_has_ended_is_emptied(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not psutil.pid_exists(ended.pid)
    (tmp_path / "demo.pid").write_text(str(ended.pid))
    (tmp_path / "weights").write_text("of the last time")
    assert fresh_folder(tmp_path) == tmp_path.resolve()
    assert [path.name for path in tmp_path.iterdir()] == ["demo.pid"]


def test_new_and_empty_folders_are_taken(tmp_path: Path) -> None:
    assert fresh_folder(tmp_path / "empty" / "below").is_dir()
    (tmp_path / "made").mkdir()
    assert fresh_folder(tmp_path / "made").is_dir()

"""What is kept beside a project: one that runs, and a key that waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from tuneloop.errors import ConfigurationError
from tuneloop.project.home import (
    HOME,
    Account,
    forget_account,
    keep_account,
    kept_account,
    locked,
    own_server,
    write_server,
)

DIES_WITH_IT = """
import os, sys
from pathlib import Path
from tuneloop.project.home import locked, write_server
with locked(Path(sys.argv[1])):
    write_server(Path(sys.argv[1]), "http://127.0.0.1:1/api")
    os._exit(9)
"""


def test_project_runs_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ConfigurationError, match="is running already"), locked(tmp_path):
        raise AssertionError("it ran twice")
    with locked(tmp_path):
        pass


def test_server_of_a_project_is_known_while_it_runs(tmp_path: Path) -> None:
    with locked(tmp_path):
        write_server(tmp_path, "http://127.0.0.1:1/api")
        assert own_server(tmp_path) == "http://127.0.0.1:1/api"
    assert own_server(tmp_path) is None


def test_server_of_a_project_that_was_killed_is_forgotten(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES_WITH_IT, str(tmp_path)], check=False)
    assert done.returncode == 9
    assert own_server(tmp_path) is None
    with locked(tmp_path):
        pass


def test_key_waits_for_its_owner_alone(tmp_path: Path) -> None:
    account = Account("segmind-credentials/robots", SecretStr("SG_waits"), "http://127.0.0.1:1")
    keep_account(tmp_path, account)
    keep_account(tmp_path, account)
    assert kept_account(tmp_path) == account
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / HOME, tmp_path / HOME / "key.json")} == {0}
    forget_account(tmp_path)
    assert kept_account(tmp_path) is None

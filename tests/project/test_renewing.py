"""A project is brought to a newer Tuneloop; what its owner has changed stays."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tuneloop.errors import ConfigurationError
from tuneloop.project.files import RECORD, copy_shipped, renew, shipped_files
from tuneloop.project.layer import shipped

FLOW, BLOCK = "flows/retrain_model.py", "blocks/__init__.py"
OLDER = b"# older\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "robots"
    copy_shipped(folder)
    return folder


def older(project: Path, name: str) -> None:
    """Let a file be as an older version of Tuneloop has shipped it."""
    (project / name).write_bytes(OLDER)
    record = json.loads((project / RECORD).read_text())
    record["files"][name] = hashlib.sha256(OLDER).hexdigest()
    (project / RECORD).write_text(json.dumps(record))


def test_an_older_file_that_nobody_changed_is_renewed(project: Path) -> None:
    older(project, FLOW)
    assert renew(project) == [f"{FLOW}: renewed"]
    assert (project / FLOW).read_bytes() == (shipped() / FLOW).read_bytes()
    assert renew(project) == []


def test_a_file_that_its_owner_has_changed_stays_and_the_new_one_lies_beside_it(project: Path) -> None:
    older(project, FLOW)
    (project / FLOW).write_text("# older, with a step of my own\n")
    (said,) = renew(project)
    assert f"{FLOW}.new" in said
    assert (project / FLOW).read_text() == "# older, with a step of my own\n"
    assert (project / f"{FLOW}.new").read_bytes() == (shipped() / FLOW).read_bytes()
    assert renew(project) == []


def test_a_change_of_ones_own_alone_is_nothing_to_do(project: Path) -> None:
    (project / FLOW).write_text("# mine\n")
    assert renew(project) == []
    assert (project / FLOW).read_text() == "# mine\n"


def test_a_deleted_block_comes_back_only_with_a_newer_one(project: Path) -> None:
    (project / BLOCK).unlink()
    assert renew(project) == []
    assert not (project / BLOCK).exists()


def test_file_of_somebody_elses_is_not_written_over(project: Path) -> None:
    (project / FLOW).write_text("# mine\n")
    with pytest.raises(ConfigurationError, match="already"):
        copy_shipped(project)
    assert (project / FLOW).read_text() == "# mine\n"


def test_project_whose_making_was_cut_off_is_made_to_its_end(project: Path) -> None:
    for name in ("prefect.yaml", BLOCK):
        (project / name).unlink()
    copy_shipped(project)
    assert all((project / name).is_file() for name in shipped_files())


def test_folder_that_was_deleted_is_no_hindrance(project: Path) -> None:
    older(project, FLOW)
    shutil.rmtree(project / "blocks")
    assert renew(project) == [f"{FLOW}: renewed"]


def test_every_shipped_file_is_recorded(project: Path) -> None:
    assert [*json.loads((project / RECORD).read_text())["files"]] == shipped_files()

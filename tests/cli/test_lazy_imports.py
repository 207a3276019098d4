"""What is not needed is not imported: Prefect by many commands, and what trains or judges by runs without work.

Importing Prefect takes more than a second, and a run that finds nothing changed is to cost little more than that.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.data.judged import make_judged
from benchmarks.data.material import make_captioned
from benchmarks.data.unchanged_run import make_store
from tests.cli.commands import in_an_empty_home
from tests.conftest import draw_images
from tuneloop.storage.identity import create_store
from tuneloop.storage.local import LocalDirectory


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("review", "--help"), 0),
        (("dmeo",), 2),
        (("rollback", "robot"), 2),
        (("plan", "nowhere.yaml"), 2),
        (("check", "images", "--provider", "segmind"), 0),
        (("init", "robots", "--yes"), 0),
        (("models",), 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else None,
)
def test_command_without_need_of_prefect_imports_none(
    arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    draw_images(tmp_path / "images", 3)
    (tmp_path / "store").mkdir()
    store = LocalDirectory(tmp_path / "store")
    create_store(store, "a test")
    done = in_an_empty_home(tmp_path, *arguments, TUNELOOP_STORE=store.uri)
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith("prefect imported: False\n")
    assert not (tmp_path / ".prefect").exists()


HEAVY = {"PIL", "aiohttp", "boto3", "botocore", "jinja2", "numpy", "prefect_aws", "simplejpeg", "zipstream"}
UNCHANGED_RUN = """
from pathlib import Path
import flows.retrain_model
from benchmarks.data.unchanged_run import unchanged_run
from tuneloop.orchestration.blocks import _credentials_type
from tuneloop.storage.local import LocalDirectory
assert unchanged_run(LocalDirectory(Path(sys.argv[1])), sys.argv[2])
assert _credentials_type("segmind-credentials")
"""


def modules_after(code: str, *arguments: str) -> set[str]:
    """What a fresh Python has imported."""
    told = f"import sys\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-c", told, *arguments]
    return {*subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()}


def test_run_that_finds_nothing_changed_imports_nothing_that_trains_or_judges(tmp_path: Path) -> None:
    images, folder = tmp_path / "images", tmp_path / "store"
    make_captioned(images, 3)
    folder.mkdir()
    make_store(store := LocalDirectory(folder))
    make_judged(store, str(images), lambda _: pytest.fail("a folder needs no client"))
    modules = modules_after(UNCHANGED_RUN, str(folder), str(images))
    assert not HEAVY & modules
    clients = {name for name in modules if re.fullmatch(r"tuneloop\.providers\.\w+\.client", name)}
    assert clients == {"tuneloop.providers.segmind.client"}, "of another account"


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import flows.watch_trainings, tuneloop.orchestration.polling", set()),
        ("import tuneloop.orchestration.s3_store", {"boto3", "botocore"}),
    ],
    ids=["idle tick", "store on S3"],
)
def test_tick_and_store_import_what_they_need(code: str, needed: set[str]) -> None:
    assert HEAVY & modules_after(code) == needed

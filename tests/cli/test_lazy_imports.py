"""Commands that need no Prefect import none: that alone takes more than a second."""

from __future__ import annotations

from pathlib import Path

import pytest

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

"""`--json` prints one document to standard output, and nothing else there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.cli.commands import in_this_process
from tests.conftest import draw_images
from tuneloop.cli.app import app
from tuneloop.storage.identity import create_store
from tuneloop.storage.local import LocalDirectory

TELL_NOTHING_AT_THEIR_END = {"emulator", "init", "up"}
"""They ask questions, or run until they are interrupted."""
WRITES_A_FILE = "demo"
HAS_ITS_OWN_FORMAT = "metrics"


def commands() -> dict[str, dict[str, bool]]:
    """Every command with its options, and whether each is a flag."""
    found = {}
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        parts = command.commands.items() if isinstance(command, TyperGroup) else [("", command)]
        for part, one in parts:
            options = {option: getattr(each, "is_flag", False) for each in one.params for option in each.opts}
            found[f"{name} {part}".strip()] = options
    return found


def test_every_command_that_tells_something_has_the_flag() -> None:
    for name, options in commands().items():
        if name not in {*TELL_NOTHING_AT_THEIR_END, WRITES_A_FILE, HAS_ITS_OWN_FORMAT}:
            assert options.get("--json") is True, name


def test_demo_takes_a_file_instead() -> None:
    assert commands()[WRITES_A_FILE]["--json"] is False


@pytest.mark.parametrize("words", [("models",), ("status",)])
def test_document_of_a_store_is_all_that_is_printed(words: tuple[str, ...], tmp_path: Path) -> None:
    store = LocalDirectory(tmp_path)
    create_store(store, "a test")
    done = in_this_process(*words, "--json", TUNELOOP_STORE=store.uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["store"] == store.uri


def test_errors_go_to_standard_error_and_no_document_is_printed(tmp_path: Path) -> None:
    done = in_this_process("check", str(tmp_path), "--provider", "nobody", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody is not known" in done.stderr


def test_document_tells_what_is_wrong_where_the_answer_is_no(tmp_path: Path) -> None:
    images = draw_images(tmp_path / "images", 3)
    (images / "0.png").write_bytes(b"no image")
    done = in_this_process("check", str(images), "--provider", "segmind", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert (document["usable"], document["findings"][0]["file"]) == (False, "0.png")

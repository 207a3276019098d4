"""`tuneloop check`, as it is typed: no server, no store, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import in_this_process
from tests.datasets.sources.public_server import Shelf, serving
from tests.datasets.sources.zips import zipped
from tests.waiting import LIMIT_S

from .images import distinct, fill_cleanly, fill_cleanly_with_pairs
from .planted.scenes import saved, scene, turned

ENVIRONMENT = {
    "COLUMNS": "80",
    "PREFECT_API_URL": "http://127.0.0.1:9/nobody",
    "TUNELOOP_ALLOW_PRIVATE_ADDRESSES": "true",
}


def check(folder: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return in_this_process("check", str(folder), *arguments, **ENVIRONMENT)


def check_in_a_process(folder: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As it is typed, with its output in a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "tuneloop.cli.app", "check", str(folder), *arguments],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def test_clean_folder_ends_with_0_and_says_so(folder: Path) -> None:
    fill_cleanly(folder)
    done = check_in_a_process(folder, "--provider", "segmind", "--trigger-word", "ROBOX", "--strict")
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()).startswith(
        "Usable, no warnings. 12 images, 12 captions, 0.0 MB; as a zip for segmind (flux-lora) about"
    )


def test_warnings_end_with_0_and_with_1_where_they_are_minded(folder: Path) -> None:
    fill_cleanly(folder, 13)
    (folder / "01.txt").write_text("a robot")
    arguments = ("--provider", "segmind", "--trigger-word", "ROBOX")
    relaxed, strict = check(folder, *arguments), check(folder, *arguments, "--strict")
    assert (relaxed.returncode, strict.returncode) == (0, 1)
    assert "1 warning" in relaxed.stdout
    assert "01.txt" in relaxed.stdout


def test_errors_end_with_1_and_come_before_warnings(folder: Path) -> None:
    fill_cleanly(folder, 21)
    (folder / "lonely.txt").write_text("ROBOX")
    (folder / ".DS_Store").write_bytes(b"")
    done = check(folder, "--provider", "bfl")
    assert done.returncode == 1
    assert done.stdout.index("2 errors") < done.stdout.index("lonely.txt") < done.stdout.index("1 warning")
    found = json.loads(check(folder, "--provider", "bfl", "--json").stdout)
    assert [(one["severity"], one["check"]) for one in found["findings"]] == [
        ("error", "orphaned-caption"),
        ("error", "too-many"),
        ("warning", "left-out"),
    ]
    assert (found["usable"], found["digest"], found["pictures"], found["trainer"]) == (
        False,
        None,
        21,
        "bfl-finetune",
    )


def test_output_in_a_pipe_is_plain_and_80_wide_whatever_files_are_called(folder: Path) -> None:
    fill_cleanly(folder, 12)
    for name in ("\x1b[31mred\x1b[0m", "[bold]b", "a\nb", "x" * 200):
        (folder / f"{name}.png").write_bytes(b"no image")
    done = check_in_a_process(folder, "--provider", "segmind")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert any(line.startswith("│ [bold]b.png") for line in done.stdout.splitlines())
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_pairs_are_checked_as_pairs_and_the_trainers_formats_count(folder: Path) -> None:
    fill_cleanly_with_pairs(folder)
    arguments = ("--provider", "segmind", "--trainer", "kontext-lora")
    assert check(folder, *arguments, "--strict").returncode == 0
    (folder / "00_end.png").unlink()
    (folder / "00_end.webp").write_bytes(distinct(1000, image_format="WEBP"))
    done = check(folder, *arguments)
    assert done.returncode == 1
    assert "00_end.webp" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--provider", "nobody"), "provider: nobody is not known; choose one of segmind, bfl"),
        (("--provider", "bfl", "--trainer", "flux-lora"), "trainer: flux-lora is not known; choose one of bfl-"),
        (
            ("--provider", "segmind", "--trainer", "kontext-lora", "--trigger-word", "x"),
            "--trigger-word: kontext-lora has none; leave it out",
        ),
    ],
)
def test_what_does_not_exist_is_told(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = check(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"tuneloop: {said}")
    assert done.stdout == ""


def test_zip_that_the_provider_would_fetch_by_itself_is_judged_as_it_is(folder: Path) -> None:
    fill_cleanly(folder)
    (folder / "00.png").write_bytes(saved(scene(1, 300, 400), "PNG", exif=turned(6)))
    shelf = Shelf()
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    with serving(shelf) as url:
        shelf.body = zipped(files)
        there = check(url, "--provider", "segmind", "--trigger-word", "TEABOT", "--json")
        here = check(url, "--provider", "bfl", "--trigger-word", "TEABOT")
        shelf.body = zipped({f"images/{name}": data for name, data in files.items()})
        in_a_folder = check(url, "--provider", "segmind", "--json")
    findings = {one["check"]: one for one in json.loads(there.stdout)["findings"]}
    assert findings.keys() == {"exif-rotation", "trigger-absent"}
    assert "zip again" in findings["exif-rotation"]["remedy"]
    assert "put in front" not in findings["trigger-absent"]["reason"]
    assert (there.returncode, here.returncode, in_a_folder.returncode) == (0, 0, 1)
    assert "rotated copy" in " ".join(here.stdout.split())
    (finding,) = json.loads(in_a_folder.stdout)["findings"]
    assert finding["reason"].endswith("is in a folder")
    assert finding["remedy"].startswith("zip the images flat")


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [("no", "there is no such folder", "check the path"), ("bad.zip", "is not a readable zip", "zip it again")],
)
def test_dataset_that_cannot_be_opened_is_rejected_with_a_document(
    folder: Path, name: str, reason: str, remedy: str
) -> None:
    (folder / "bad.zip").write_bytes(b"no zip")
    done = check(folder / name, "--provider", "bfl", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    (finding,) = document["findings"]
    assert (document["usable"], finding["check"]) == (False, "not-opened")
    assert reason in finding["reason"]
    assert remedy in finding["remedy"]
    said = check(folder / name, "--provider", "bfl")
    assert (said.returncode, "Cannot be used, 1 error." in said.stdout) == (1, True)


def test_what_many_files_share_is_said_once_in_the_table_and_for_each_file_in_the_json(folder: Path) -> None:
    for number in range(40):
        (folder / f"{number:02d}.jpg").write_bytes(b"no image")
    done = check(folder, "--provider", "segmind")
    lines = done.stdout.splitlines()
    assert sum("is a text" in line for line in lines) == 1
    assert sum(".jpg" in line for line in lines) == 10
    assert any("and 30 more like it" in line for line in lines)
    assert len(lines) < 40
    document = check(folder, "--provider", "segmind", "--json").stdout
    reasons = [one["reason"] for one in json.loads(document)["findings"]]
    assert reasons.count("is a text") == 40
    assert done.stderr == ""


def test_nothing_is_written(folder: Path) -> None:
    fill_cleanly(folder)
    before = sorted(folder.parent.rglob("*"))
    check(folder, "--provider", "segmind")
    assert sorted(folder.parent.rglob("*")) == before


def test_it_starts_without_prefect(folder: Path) -> None:
    fill_cleanly(folder)
    code = (
        "import sys; from tuneloop.cli.check import *; from pathlib import Path; "
        "from tuneloop.providers.registry import recipe_type; "
        "check_folder(Path(sys.argv[1]), recipe_type('segmind', None), None); "
        "sys.exit(any(name.split('.')[0] in {'prefect', 'boto3', 'requests'} for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr

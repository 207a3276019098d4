"""Links out of a folder: those of tools are read, those to secrets are not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.files import link_problem
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import DatasetRequirements

from .images import distinct

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)
IMAGE, CAPTION = distinct(1), b"a cup"


def problem_of(link: Path, root: Path) -> str | None:
    problem = link_problem(link, link.name, root.resolve())
    return problem.reason if problem else None


@pytest.fixture
def dataset(folder: Path) -> Path:
    made = folder / "work" / "dataset"
    made.mkdir(parents=True)
    return made


def stored(place: Path, content: bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


@pytest.mark.parametrize(
    "place",
    [
        "home/.cache/huggingface/hub/datasets--a--b/blobs/{sha256}",
        "home/.cache/huggingface/hub/datasets--a--b/blobs/{sha1}",
        "work/.dvc/cache/files/md5/{md5}",
        "shared/dvc/files/md5/00/{rest}",
        "work/.git/annex/objects/x/y/{key}/{key}",
        "photos/{plain}",
    ],
)
def test_links_of_tools_and_people_make_the_dataset_that_the_files_make(
    folder: Path, dataset: Path, place: str
) -> None:
    copies = folder / "copies"
    copies.mkdir()
    for name, content in (("a.png", IMAGE), ("a.txt", CAPTION)):
        sha256 = hashlib.sha256(content).hexdigest()
        found = place.format(
            sha256=sha256,
            sha1=hashlib.sha1(content).hexdigest(),  # noqa: S324 - as git names files
            md5=hashlib.md5(content).hexdigest(),  # noqa: S324 - as DVC names files
            key=f"SHA256E-s{len(content)}--{sha256}{Path(name).suffix}",
            rest=hashlib.md5(content).hexdigest()[2:],  # noqa: S324
            plain=name,
        )
        (dataset / name).symlink_to(stored(folder / found, content))
        (copies / name).write_bytes(content)
    assert scan(dataset, RULE).manifest.digest == scan(copies, RULE).manifest.digest


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/passwd", "is a link into /etc, which holds files of the system"),
        ("/proc/self/environ", "is a link into /proc, which holds files of the system"),
        ("/sys/kernel/uevent_seqnum", "is a link into /sys, which holds files of the system"),
        ("/dev/zero", "is a link into /dev, which holds files of the system"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.png", "metadata.jsonl"])
def test_link_into_the_system_is_refused(dataset: Path, name: str, target: str, reason: str) -> None:
    if not Path(target).exists():
        pytest.skip("this system has no such file")
    (dataset / name).symlink_to(target)
    assert problem_of(dataset / name, dataset) == reason


@pytest.mark.parametrize("secret", ["home/.ssh/id_rsa", "home/.aws/credentials.txt", "home/.netrc", ".env"])
def test_link_to_what_is_hidden_is_refused(folder: Path, dataset: Path, secret: str) -> None:
    (dataset / "a.txt").symlink_to(stored(folder / secret, b"hunter2"))
    assert problem_of(dataset / "a.txt", dataset) == "is a link to a hidden file, or into a hidden folder"


@pytest.mark.parametrize("link", ["a.txt", "a.caption", "metadata.csv"])
def test_caption_that_links_to_another_kind_of_file_is_refused(folder: Path, dataset: Path, link: str) -> None:
    (dataset / link).symlink_to(stored(folder / "keys" / "production.pem", b"hunter2"))
    assert problem_of(dataset / link, dataset) == f"is a link to a file that is no {Path(link).suffix} file"


def test_hidden_folder_that_holds_the_dataset_too_is_not_in_the_way(folder: Path) -> None:
    dataset = folder / ".data" / "set"
    dataset.mkdir(parents=True)
    (dataset / "a.png").symlink_to(stored(folder / ".data" / "photos" / "a.png", IMAGE))
    assert problem_of(dataset / "a.png", dataset) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_link_to_a_file_of_another_user_is_refused(folder: Path, dataset: Path) -> None:
    secret = stored(folder / "others" / "a.txt", b"hunter2")
    (dataset / "a.txt").symlink_to(secret)
    os.chown(dataset / "a.txt", 12345, 12345, follow_symlinks=False)
    assert problem_of(dataset / "a.txt", dataset) == "is a link to a file of another user"
    os.chown(secret, 12345, 12345)
    assert problem_of(dataset / "a.txt", dataset) is None


def test_chain_of_links_is_judged_by_its_end(folder: Path, dataset: Path) -> None:
    secret = stored(folder / "home" / ".ssh" / "id_rsa", b"hunter2")
    (folder / "innocent.txt").symlink_to(secret)
    (dataset / "a.txt").symlink_to(folder / "innocent.txt")
    assert problem_of(dataset / "a.txt", dataset) == "is a link to a hidden file, or into a hidden folder"


def test_pipe_and_loop_behind_links_are_named_and_nothing_waits_for_them(folder: Path, dataset: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    (dataset / "a.png").symlink_to(folder / "pipe.png")
    (dataset / "b.png").symlink_to("c.png")
    (dataset / "c.png").symlink_to("b.png")
    found = preflight(dataset, RULE, DatasetRequirements()).findings
    assert {(finding.file, finding.check) for finding in found if finding.severity == "error"} == {
        ("a.png", "special-file"),
        ("b.png", "broken-link"),
        ("c.png", "broken-link"),
    }

"""Datasets on the Hugging Face Hub, read from a server on this machine through the Hub's own library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.images import distinct
from tests.datasets.sources.hub_server import COMMIT, FakeHub, hub
from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.hub import hub_place
from tuneloop.datasets.sources.opening import open_source
from tuneloop.errors import DatasetError

FILES = {
    "train/a.png": distinct(1),
    "train/a.txt": b"a cat",
    "train/b.png": distinct(2),
    "metadata.jsonl": b'{"file_name": "train/b.png", "text": "a dog"}',
}
OTHERS = {
    ".gitattributes": b"x",
    "README.md": b"x",
    "cats.py": b"import os",
    "weights.safetensors": b"x" * 1000,
    ".hidden/c.png": distinct(3),
    "__MACOSX/._a.png": b"x",
}
ADDRESS = "hf://datasets/someone/cats"
PINNED = f"{ADDRESS}@{COMMIT}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with hub() as made:
        made.files = {**FILES, **OTHERS}
        monkeypatch.setenv("HF_ENDPOINT", made.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_token")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        yield made


def test_images_captions_and_tables_arrive_and_nothing_else_is_fetched(server: FakeHub) -> None:
    told: list[tuple[int, int | None]] = []
    with open_source(ADDRESS, on_progress=lambda *said: told.append(said)) as source:
        assert contents_of(source.folder) == FILES
        assert (source.label, source.public) == (PINNED, None)
    assert server.fetched == set(FILES)
    assert not source.folder.exists()
    total = sum(map(len, FILES.values()))
    assert told[-1] == (total, total)


@pytest.mark.parametrize("revision", ["main", "v1", "refs/pr/1", "refs%2Fpr%2F1", COMMIT])
def test_revision_is_pinned_to_its_commit(server: FakeHub, revision: str) -> None:
    with open_source(f"{ADDRESS}@{revision}") as source:
        assert source.label == PINNED
    assert all(COMMIT in path for _, _, path, _ in server.seen if "/resolve/" in path)


def test_folder_of_a_dataset_is_a_dataset(server: FakeHub) -> None:
    with open_source(f"{ADDRESS}@v1/train/") as source:
        assert contents_of(source.folder) == {
            name.removeprefix("train/"): data for name, data in FILES.items() if name.startswith("train/")
        }
        assert source.label == f"{PINNED}/train"
    assert server.fetched == {name for name in FILES if name.startswith("train/")}


def test_zip_of_a_dataset_is_unpacked_and_suggested_where_there_is_nothing_else(server: FakeHub) -> None:
    server.files = {"README.md": b"x", "data/cats.zip": zipped({"a/b.png": distinct(1)})}
    with open_source(f"{ADDRESS}/data/cats.zip") as source:
        assert contents_of(source.folder) == {"a/b.png": distinct(1)}
        assert source.label == f"{PINNED}/data/cats.zip"
    with pytest.raises(DatasetError, match=r"no tables of images; name hf://datasets/someone/cats/data/cats\.zip"):
        open_and_close(ADDRESS)


def test_token_goes_to_the_hub_and_not_to_the_storage_that_it_leads_to(server: FakeHub) -> None:
    open_and_close(ADDRESS)
    tokens = {(host.partition(":")[0], authorization) for _, host, _, authorization in server.seen}
    assert tokens == {("127.0.0.1", "Bearer hf_token"), ("localhost", None)}


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((404, "RepoNotFound"), "there is no such dataset, or it is private; check the name, or set HF_TOKEN"),
        ((401, "RepoNotFound"), "there is no such dataset, or it is private"),
        ((403, "GatedRepo"), "access is restricted"),
        ((404, "RevisionNotFound"), "it has no such revision"),
        ((418, "Teapot"), "the hub answers 418"),
    ],
)
def test_refusal_of_the_hub_is_a_sentence(server: FakeHub, refusal: tuple[int, str], reason: str) -> None:
    server.refusal = refusal
    with pytest.raises(DatasetError, match=rf"{ADDRESS}: {reason}") as caught:
        open_and_close(ADDRESS)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("server")
def test_hub_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"the hub cannot be read \(ConnectError\); check the network"):
        open_and_close(ADDRESS)


@pytest.mark.usefixtures("server")
def test_token_does_not_go_over_http_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    with pytest.raises(DatasetError, match="HF_ENDPOINT: over http:// anyone"):
        open_and_close(ADDRESS)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.png", "leads out of the folder"),
        ("a/../../evil.png", "leads out of the folder"),
        ("/evil.png", "is an absolute name"),
        ("a\\b.png", "has a backslash"),
        ("a.png/b.png", "is a file and"),
    ],
)
def test_hostile_name_is_refused_before_anything_is_fetched(server: FakeHub, name: str, reason: str) -> None:
    server.files = {"a.png": b"x", name: b"evil"}
    with pytest.raises(DatasetError, match=reason):
        open_and_close(ADDRESS)
    assert server.fetched == set()


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_FILES", 9, "holds more than 9 files"),
        ("MAX_DATASET_BYTES", 5, "holds more than 5 bytes"),
        ("MAX_FILE_BYTES", 1, "the limit for one file is 1"),
    ],
)
def test_too_much_is_refused_before_anything_is_fetched(
    server: FakeHub, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(DatasetError, match=reason):
        open_and_close(ADDRESS)
    assert server.fetched == set()


def test_file_of_another_size_than_was_listed_is_named(server: FakeHub) -> None:
    server.sizes = {"train/a.png": 5}
    with pytest.raises(DatasetError, match=r"'train/a.png' is not of the size that the hub states; run again"):
        open_and_close(ADDRESS)


@pytest.mark.parametrize(
    "address",
    [
        "hf://someone/cats",
        "hf://datasets/someone",
        "hf://spaces/someone/cats",
        "hf://datasets/someone/cats@",
        "hf://datasets/someone/cats/../dogs",
        "hf://datasets/someone/cats?token=hunter2",
        "hf://user:hunter2@datasets/someone/cats",
    ],
)
def test_address_that_names_no_dataset_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(DatasetError, match="write it as hf://datasets/OWNER/NAME") as caught:
        hub_place(address)
    assert "hunter2" not in str(caught.value)


def test_library_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DatasetError) as caught:
        open_and_close(ADDRESS)
    assert str(caught.value) == (
        "hf:// needs huggingface_hub, which is not installed; install it with `pip install 'tuneloop[hub]'`"
    )


def test_library_is_imported_only_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(distinct(1))
    code = (
        "import sys; from tuneloop.datasets.sources.opening import open_source\n"
        f"with open_source({str(tmp_path)!r}): pass\n"
        "assert not {'huggingface_hub', 'pyarrow', 'httpx'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

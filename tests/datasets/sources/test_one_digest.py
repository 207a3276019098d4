"""One dataset, in every form that it can be named in, is one dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.datasets.images import distinct
from tests.datasets.scanning import scan
from tests.datasets.sources.buckets import put
from tests.datasets.sources.hub_server import hub
from tests.datasets.sources.public_server import Shelf, serving
from tests.datasets.sources.zips import Made, made_zip, zipped
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.sources.opening import open_source
from tuneloop.datasets.sources.s3 import default_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)
IMAGES = {f"{number}.png": distinct(number) for number in range(4)}
CAPTIONS = {name: f"cat {number}, 猫" for number, name in enumerate(IMAGES)}
FILES = IMAGES | {name.replace(".png", ".txt"): text.encode() for name, text in CAPTIONS.items()}
LINES = "\n".join(json.dumps({"file_name": name, "text": text}) for name, text in CAPTIONS.items()).encode()


def write(folder: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


def linked(place: Path) -> str:
    (place / "snapshot").mkdir()
    for name, data in FILES.items():
        blob = hashlib.sha256(data).hexdigest()
        write(place / "blobs", {blob: data})
        (place / "snapshot" / name).symlink_to(f"../blobs/{blob}")
    return str(place / "snapshot")


def table(place: Path) -> str:
    images = [{"bytes": data, "path": name} for name, data in IMAGES.items()]
    parquet.write_table(pa.table({"image": images, "text": list(CAPTIONS.values())}), place / "cats.parquet")
    return str(place)


def windows_zip(place: Path) -> str:
    data = made_zip([Made(f"cats\\{name}".encode(), data, host=0) for name, data in FILES.items()])
    write(place, {"a.zip": data})
    return str(place / "a.zip")


def plain_zip(place: Path) -> str:
    write(place, {"a.zip": zipped(FILES)})
    return str(place / "a.zip")


LOCAL: dict[str, Callable[[Path], str]] = {
    "folder": lambda place: write(place, FILES),
    "subfolders": lambda place: write(place, {f"{name[0]}/{name}": data for name, data in FILES.items()}),
    "jsonl": lambda place: write(place, {**IMAGES, "metadata.jsonl": LINES}),
    "links": linked,
    "parquet": table,
    "zip": plain_zip,
    "zip of Windows": windows_zip,
}


def digest_of(source: str, client: S3Client | None = None) -> str:
    with open_source(source, client_for=(lambda _: client) if client else default_client) as found:
        return scan(found.folder, RULE).manifest.digest


@pytest.fixture
def expected(tmp_path: Path) -> str:
    return digest_of(write(tmp_path / "expected", FILES))


@pytest.mark.parametrize("form", LOCAL)
def test_local_form_has_the_digest_of_the_folder(tmp_path: Path, expected: str, form: str) -> None:
    (tmp_path / "place").mkdir()
    assert digest_of(LOCAL[form](tmp_path / "place")) == expected


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shelf, str]]:
    monkeypatch.setenv("TUNELOOP_ALLOW_PRIVATE_ADDRESSES", "true")
    made = Shelf()
    with serving(made) as url:
        yield made, url


def test_zip_at_an_address_has_it(shelf: tuple[Shelf, str], expected: str) -> None:
    shelf[0].body = zipped(FILES)
    assert digest_of(shelf[1]) == expected


def test_bucket_and_zip_in_a_bucket_have_it(client: S3Client, bucket: str, expected: str) -> None:
    put(client, bucket, {**{f"cats//{name}": data for name, data in FILES.items()}, "cats.zip": zipped(FILES)})
    assert digest_of(f"s3://{bucket}/cats", client) == expected
    assert digest_of(f"s3://{bucket}/cats.zip", client) == expected


def test_hub_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        server.files = dict(FILES)
        assert digest_of("hf://datasets/someone/cats") == expected
        server.files = {**IMAGES, "metadata.jsonl": LINES}
        assert digest_of("hf://datasets/someone/cats") == expected
        table(tmp_path)
        server.files = {"data/train-00000-of-00001.parquet": (tmp_path / "cats.parquet").read_bytes()}
        assert digest_of("hf://datasets/someone/cats") == expected

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.s3_server import s3_client, s3_server
from tests.storage.failing_proxy import failing_proxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SIZES = ((5640, 3172), (3172, 5640), (1200, 900), (640, 640))
FORMATS = ("jpg", "png", "webp", "JPEG")


def photographs(folder: Path) -> Path:
    """Images as a camera would leave them: mixed formats and sizes, rotated by EXIF, some captioned."""
    folder.mkdir()
    for number, ((width, height), suffix) in enumerate(zip(SIZES, FORMATS, strict=True)):
        across = np.linspace(0, 255, width, dtype=np.float32)[None, :, None]
        down = np.linspace(0, 255, height, dtype=np.float32)[:, None, None]
        colors = np.array([1.0, 0.5, 0.2 * number], dtype=np.float32)
        pixels = (across * colors + down * (1 - colors / 2)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(pixels)
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(folder / f"IMG {number}.{suffix}", exif=exif)
    (folder / "IMG 0.txt").write_text("a field in the evening")
    return folder


def digests(folder: Path) -> dict[str, tuple[str, float]]:
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime)
        for file in folder.iterdir()
    }


@pytest.mark.long
def test_demo_on_photographs_in_s3_pays_twice_for_three_runs_and_leaves_nothing_running(tmp_path: Path) -> None:
    images = photographs(tmp_path / "my images")
    before = digests(images)
    report = tmp_path / "out.json"
    with s3_server() as server, failing_proxy(server) as checking:
        checking.access_key = "the-users-own-key"
        options = ("--dataset", str(images), "--json", str(report))
        done = demo_on_s3(tmp_path, checking.endpoint, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        document = json.loads(report.read_text())
        for run in (document["runs"][0], document["runs"][2]):
            assert_weights_are_in_s3(s3_client(server), run["weights"])
    assert document["store"].startswith("s3://my-own-bucket/demo-")
    assert [run["state"] for run in document["runs"]] == ["Completed", "Cached", "Completed"]
    assert [run["paid_trainings"] for run in document["runs"]] == [1, 0, 1]
    assert document["billing"] == {"trainings": 2, "inferences": 24}
    assert [run["decision"] for run in document["runs"]] == ["promote", None, "promote"]
    assert document["runs"][0]["training_key"] == document["runs"][1]["training_key"]
    first, unchanged, second = (run["store_requests"] for run in document["runs"])
    assert unchanged <= 15
    assert first <= 120
    assert second <= 140  # it is compared with a champion; with 20 images the demo asks 149 times
    assert digests(images) == before
    assert not processes_of(tmp_path)


def demo_on_s3(folder: Path, endpoint: str, *options: str) -> subprocess.CompletedProcess[str]:
    keys = {
        "TUNELOOP_S3_ENDPOINT": endpoint,
        "TUNELOOP_S3_ACCESS_KEY": "the-users-own-key",
        "TUNELOOP_S3_SECRET_KEY": "the-users-own-secret",
        "TUNELOOP_S3_BUCKET": "my-own-bucket",
    }
    command = ["demo", "--exit", "--store", "s3", "--folder", str(folder / "demo"), *options]
    return subprocess.run(
        [sys.executable, "-m", "tuneloop.cli.app", *command],
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_weights_are_in_s3(client: S3Client, weights: dict[str, object]) -> None:
    bucket, _, key = str(weights["uri"]).removeprefix("s3://").partition("/")
    data = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert hashlib.sha256(data).hexdigest() == weights["sha256"]
    assert len(data) == weights["size_bytes"]


def processes_of(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if environment.get("PREFECT_HOME", "").startswith(str(folder)):
            found.append(" ".join(process.cmdline()))
    return found


def test_demo_leaves_a_folder_alone_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-m", "tuneloop.cli.app", "demo", "--exit", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not a demo's folder" in done.stderr
    assert (tmp_path / "thesis.txt").exists()

"""Large datasets: memory that does not grow with them, several images at a time, and none looked at twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.waiting import LIMIT_S
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.images import inspect as inspection
from tuneloop.datasets.images.inspect import inspect_image
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import NO_LIMITS, ImageInfo, Sha256

from .images import distinct, encoded, noise

RULE = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)
MOST_GROWTH_KB = 30_000
"""1,800 more images of 2 MB each once they are decoded: 3.6 GB if they were kept."""
LOOK = """
import resource, sys
from pathlib import Path
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.images.inspect import inspect_image
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import NO_LIMITS
rule = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)
found = preflight(Path(sys.argv[1]), rule, NO_LIMITS)
assert found.manifest is not None, found.findings[:3]
print(len(found.facts), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def fill(folder: Path, number: int) -> Path:
    """Write images that all differ: one JPEG with another comment in each."""
    folder.mkdir()
    image = encoded(noise(200, 160).resize((1000, 700)), "JPEG", quality=60)
    for index in range(number):
        comment = f"{index:06d}".encode()
        marked = image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]
        (folder / f"{index}.jpg").write_bytes(marked)
    return folder


def look_in_a_process(folder: Path) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder)], capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    images, kilobytes = done.stdout.split()
    return int(images), int(kilobytes)


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    few, many = fill(tmp_path / "few", 200), fill(tmp_path / "many", 2000)
    few_seen, few_kb = look_in_a_process(few)
    many_seen, many_kb = look_in_a_process(many)
    assert (few_seen, many_seen) == (200, 2000)
    assert many_kb - few_kb < MOST_GROWTH_KB


def test_two_images_are_looked_at_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(4):
        (folder / f"{index}.png").write_bytes(distinct(index))
    # Nobody passes before two are there; alone, the first one would wait in vain.
    both = threading.Barrier(2, timeout=LIMIT_S)

    def wait_for_another(path: Path, name: str, known: dict[Sha256, ImageInfo]) -> ImageInfo:
        both.wait()
        return inspect_image(path, name, known)

    monkeypatch.setattr(inspection, "inspect_image", wait_for_another)
    assert len(preflight(folder, RULE, NO_LIMITS).facts) == 4


def test_no_more_images_are_taken_up_than_can_be_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(40):
        (folder / f"{index:02d}.png").write_bytes(distinct(index, 64, 64))
    started: list[str] = []
    ahead: list[int] = []

    def note(path: Path, name: str, known: dict[Sha256, ImageInfo]) -> ImageInfo:
        started.append(name)
        return inspect_image(path, name, known)

    monkeypatch.setattr(inspection, "inspect_image", note)
    preflight(folder, RULE, NO_LIMITS, on_progress=lambda done, _: ahead.append(len(started) - done))
    assert len(started) == 40
    assert max(ahead) <= 8

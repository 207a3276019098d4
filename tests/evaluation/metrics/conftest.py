"""The sample images, to be scored against.

Tests of open_clip itself are there only where the extra `clip` is installed, see CONTRIBUTING.md.
"""

from __future__ import annotations

import importlib
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tuneloop.demo.samples import copy_samples
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.training_set import TrainingSet, analyze_dataset

WITH_EXTRA = find_spec("open_clip") is not None

collect_ignore = [] if WITH_EXTRA else ["test_open_clip.py"]


def _declare_operators_that_do_not_load() -> None:
    """Let torchvision be imported where only its compiled part cannot be loaded.

    The wheels of PyPI want CUDA's libraries, and the CPU build of torch has none. CLIP uses nothing of that part.
    """
    torch = importlib.import_module("torch")
    spec = find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    try:
        for library in folder.glob("_C*.so"):
            torch.ops.load_library(library)
    except OSError:
        source = (folder / "_meta_registrations.py").read_text()
        for name in re.findall(r'register_fake\("torchvision::(\w+)"\)', source):
            torch.library.define(f"torchvision::{name}", "() -> ()")


if WITH_EXTRA:
    _declare_operators_that_do_not_load()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("samples")
    copy_samples(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".txt"}


@pytest.fixture(scope="module")
def training(images: dict[str, bytes]) -> TrainingSet:
    looks = {name: ScoringImage.decode(data) for name, data in images.items()}
    return analyze_dataset(list(looks), looks.__getitem__)


@pytest.fixture(scope="module")
def archive(images: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "dataset.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number, (name, data) in enumerate(images.items(), 1):
            opened.writestr(f"{number:04d}{Path(name).suffix}", data)
    return path

"""Tests of open_clip itself are there only where the extra `clip` is installed, see CONTRIBUTING.md."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

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

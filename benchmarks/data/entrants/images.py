"""Ways to look at a folder of images, as many at a time as this machine has processors for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import simplejpeg  # type: ignore[import-untyped]
from PIL import Image

from tuneloop.datasets.images.inspect import inspect_image, strict_decoding

_THREADS = 2


def full_check(folder: str) -> Callable[[], None]:
    """Ours: everything that is asked of an image before it is trained on."""

    def work() -> None:
        with strict_decoding():
            _each(folder, lambda path: inspect_image(path, path.name))

    return work


def pillow_load(folder: str) -> Callable[[], None]:
    """Pillow decodes every pixel."""

    def load(path: Path) -> None:
        with Image.open(path) as image:
            image.load()

    return lambda: _each(folder, load)


def bare_decode(folder: str) -> Callable[[], None]:
    """Let simplejpeg decode every pixel, and nobody looks at them."""
    return lambda: _each(folder, lambda path: simplejpeg.decode_jpeg(path.read_bytes()))


def _each(folder: str, look: Callable[[Path], object]) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(look, sorted(Path(folder).iterdir())):
            pass

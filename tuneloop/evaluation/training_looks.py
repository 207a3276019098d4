"""A dataset's images as the scorers see them, kept in the store: read many at a time, and a tenth of the bytes.

Made when a dataset comes in. Where they are missing or cannot be read, the images themselves are read.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from tuneloop.datasets.store import image_name, read_unchanged
from tuneloop.errors import DatasetError, ObjectNotFound
from tuneloop.evaluation.metrics.look import Look
from tuneloop.schemas.dataset import DatasetManifest, Sha256
from tuneloop.storage.base import Store

_IN_A_FILE = 64
"""Looks of 200 KB each, before they are packed."""
_AT_A_TIME = 2
_REMEMBERED = 400
"""Looks that stay in memory."""


def scored_against(manifest: DatasetManifest) -> tuple[Sha256, ...]:
    """The images that a model is compared with: each once, and of pairs those after the edit."""
    return tuple(dict.fromkeys(item.sha256 for item in manifest.items if item.role != "start"))


def keep_looks(manifest: DatasetManifest, files: Mapping[Sha256, Path], store: Store) -> None:
    """Decode every image of a dataset once more, and keep what the scorers need of it.

    Args:
        manifest: The dataset.
        files: One file for every image.
        store: Where it is kept; what is there stays.

    Raises:
        DatasetError: A file is gone or has changed since the scan, or cannot be scored against.
    """

    def look(sha256: Sha256) -> Look:
        data = read_unchanged(files[sha256], sha256)
        try:
            return Look.at(data)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            # Told now, for the scorers would only find out after everything is paid.
            raise DatasetError(
                f"{files[sha256].name}: cannot be decoded ({error}); save it again, or leave it out"
            ) from error

    for name, part in _parts(manifest):
        if not store.seems_absent(name):
            continue
        with ThreadPoolExecutor(_AT_A_TIME, "looks") as pool:
            looks = dict(zip(part, pool.map(look, part), strict=True))
        out = io.BytesIO()
        np.savez_compressed(out, allow_pickle=False, **{sha256: each.pixels for sha256, each in looks.items()})
        store.create(name, out.getvalue())


def looks_of(manifest: DatasetManifest, store: Store) -> Callable[[Sha256], Look]:
    """Open a dataset's images for the scorers.

    Returns:
        What gives the look of one image by its sha256.
    """
    files = {sha256: name for name, part in _parts(manifest) for sha256 in part}

    @functools.lru_cache(maxsize=2)
    def read(name: str) -> Mapping[str, np.ndarray]:
        try:
            with np.load(io.BytesIO(store.read(name)), allow_pickle=False) as kept:
                return {sha256: kept[sha256] for sha256 in kept.files}
        except (ObjectNotFound, ValueError, OSError, EOFError, zipfile.BadZipFile):
            return {}

    @functools.lru_cache(maxsize=_REMEMBERED)
    def look(sha256: Sha256) -> Look:
        pixels = read(files[sha256]).get(sha256)
        return Look.at(store.read(image_name(sha256))) if pixels is None else Look(pixels)

    return look


def _parts(manifest: DatasetManifest) -> list[tuple[str, Sequence[Sha256]]]:
    names = scored_against(manifest)
    starts = range(0, len(names), _IN_A_FILE)
    return [(f"datasets/{manifest.digest}.looks-{at:05d}.npz", names[at : at + _IN_A_FILE]) for at in starts]

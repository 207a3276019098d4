"""The images that a model was trained on, as the scorers see them.

Their small copies are kept in the store when a dataset comes in: read many at a time, and a tenth of the bytes.
Where they are missing or cannot be read, the images themselves are read.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tuneloop.datasets.store import image_name, read_unchanged
from tuneloop.errors import DatasetError, ObjectNotFound
from tuneloop.evaluation.metrics.features import (
    Array,
    ScoringImage,
    color_histogram,
    edge_histogram,
    edge_sharpness,
    grain,
    tone_points,
)
from tuneloop.evaluation.metrics.fingerprints import Fingerprints
from tuneloop.schemas.dataset import DatasetManifest, Sha256
from tuneloop.storage.base import Store

_PER_FILE = 64
"""Images of 200 KB each, before they are packed."""
_THREADS = 2
_CACHED_IMAGES = 400


@dataclass(frozen=True)
class TrainingSet:
    """A dataset in numbers: a few kilobytes for each image, whatever its size.

    Attributes:
        names: One for each image, by which `read` finds it for a closer comparison.
    """

    names: tuple[str, ...]
    read: Callable[[str], ScoringImage]
    sharpness: Array  # (images,), as the others see `features`
    grain: Array  # (images,)
    tones: Array  # (images, 4)
    color_histograms: Array  # (images, 216)
    edge_histograms: Array  # (images, 128)

    def fingerprints(self, aspect: float) -> Fingerprints:
        """Those of every image and of its crops of one aspect ratio (width to height)."""
        return _fingerprints(self.names, self.read, round(aspect, 3))


@functools.lru_cache(maxsize=4)
def _fingerprints(names: tuple[str, ...], read: Callable[[str], ScoringImage], aspect: float) -> Fingerprints:
    return Fingerprints.of((read(name) for name in names), aspect)


def analyze_dataset(names: Sequence[str], read: Callable[[str], ScoringImage]) -> TrainingSet:
    """Measure every image of a dataset, one at a time. Raises `DatasetError` where there is none."""
    if not names:
        raise DatasetError("there is no training image to compare with")
    features = (edge_sharpness, grain, tone_points, color_histogram, edge_histogram)
    measured = [[feature(image) for feature in features] for image in map(read, names)]
    return TrainingSet(tuple(names), read, *(np.stack(column) for column in zip(*measured, strict=True)))


def scored_against(manifest: DatasetManifest) -> tuple[Sha256, ...]:
    """The images that a model is compared with: each once, and of pairs those after the edit."""
    return tuple(dict.fromkeys(item.sha256 for item in manifest.items if item.role != "start"))


def store_scoring_images(manifest: DatasetManifest, files: Mapping[Sha256, Path], store: Store) -> None:
    """Decode every image of a dataset once more, and store what the scorers need of it; what is there stays.

    Raises:
        DatasetError: A file is gone or has changed since the scan, or cannot be scored against.
    """

    def decode(sha256: Sha256) -> ScoringImage:
        data = read_unchanged(files[sha256], sha256)
        try:
            return ScoringImage.decode(data)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            # Now, for the scorers would only find out after everything is paid.
            raise DatasetError(
                f"{files[sha256].name}: cannot be decoded ({error}); save it again, or leave it out"
            ) from error

    for name, part in _parts(manifest):
        if not store.seems_absent(name):
            continue
        with ThreadPoolExecutor(_THREADS, "scoring-images") as pool:
            images = dict(zip(part, pool.map(decode, part), strict=True))
        out = io.BytesIO()
        np.savez_compressed(out, allow_pickle=False, **{sha256: image.pixels for sha256, image in images.items()})
        store.create(name, out.getvalue())


def scoring_images(manifest: DatasetManifest, store: Store) -> Callable[[Sha256], ScoringImage]:
    """Open a dataset's images for the scorers. Returns what gives one by its sha256."""
    part_names = {sha256: name for name, part in _parts(manifest) for sha256 in part}

    @functools.lru_cache(maxsize=2)
    def read_part(name: str) -> Mapping[str, np.ndarray]:
        try:
            with np.load(io.BytesIO(store.read(name)), allow_pickle=False) as kept:
                return {sha256: kept[sha256] for sha256 in kept.files}
        except (ObjectNotFound, ValueError, OSError, EOFError, zipfile.BadZipFile):
            return {}

    @functools.lru_cache(maxsize=_CACHED_IMAGES)
    def read(sha256: Sha256) -> ScoringImage:
        pixels = read_part(part_names[sha256]).get(sha256)
        if pixels is None:
            return ScoringImage.decode(store.read(image_name(sha256)))
        return ScoringImage(pixels)

    return read


def _parts(manifest: DatasetManifest) -> list[tuple[str, Sequence[Sha256]]]:
    names = scored_against(manifest)
    starts = range(0, len(names), _PER_FILE)
    return [(f"datasets/{manifest.digest}.scoring-{at:05d}.npz", names[at : at + _PER_FILE]) for at in starts]

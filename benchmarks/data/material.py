"""What the benchmark works on: the same bytes on every machine."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from tuneloop.datasets.store import image_name
from tuneloop.schemas.dataset import DatasetItem, DatasetManifest, in_digest_order

_PIECE = 1 << 20
_HEADER_BYTES = 256


def make_dataset(folder: Path, count: int, mean_bytes: int) -> DatasetManifest:
    """Incompressible files with captions in `files`, the same ones in `store`, and their manifest.

    Args:
        folder: An empty folder.
        count: How many.
        mean_bytes: Their mean size; none is smaller than half of it or larger than one and a half.
    """
    files, store = folder / "files", folder / "store"
    files.mkdir()
    (store / "images").mkdir(parents=True)
    drawn = np.random.default_rng(1)
    items = []
    for number in range(count):
        data = drawn.bytes(int(mean_bytes * drawn.uniform(0.5, 1.5)))
        caption, file = f"a photo of ROBOX, number {number}", files / f"{number:04d}.jpg"
        item = DatasetItem(
            sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), width_px=1024, height_px=1024,
            format="jpeg", caption=caption, file_name=file.name, crc32=zlib.crc32(data),
        )  # fmt: skip
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(caption)
        (store / image_name(item.sha256)).hardlink_to(file)
        items.append(item)
    manifest = DatasetManifest(items=in_digest_order(items), source="a benchmark")
    write_manifest(manifest, folder / "manifest.json")
    os.sync()  # or the disk would still be busy with this while others are measured
    return manifest


def write_manifest(manifest: DatasetManifest, path: Path) -> None:
    """Keep a manifest for the processes that pack it."""
    path.write_text(manifest.model_dump_json())


def repeated(manifest: DatasetManifest, times: int) -> DatasetManifest:
    """A larger dataset of the same images."""
    return DatasetManifest(items=in_digest_order(list(manifest.items) * times), source=manifest.source)


def make_weights(path: Path, size_bytes: int, *, hollow: bool = False) -> None:
    """A safetensors file of one tensor; where it is hollow, its numbers are zeros that no disk holds."""
    drawn = np.random.default_rng(2)
    with path.open("wb") as file:
        file.write(_weights_header(size_bytes))
        while not hollow and (left := size_bytes - file.tell()):
            file.write(drawn.bytes(min(_PIECE, left)))
        file.truncate(size_bytes)
    os.sync()


def _weights_header(size_bytes: int) -> bytes:
    # Filled up with spaces to a fixed length, as the format allows.
    tensor_bytes = size_bytes - 8 - _HEADER_BYTES
    header = {"weights": {"dtype": "U8", "shape": [tensor_bytes], "data_offsets": [0, tensor_bytes]}}
    return _HEADER_BYTES.to_bytes(8, "little") + json.dumps(header).encode().ljust(_HEADER_BYTES)


def make_images(folder: Path, count: int) -> None:
    """Photo-like JPEGs of 1 to 2 megapixels, quality 90: soft light, shapes with edges, and noise."""
    folder.mkdir()
    with ThreadPoolExecutor(2) as threads:
        for _ in threads.map(lambda number: _make_image(folder / f"{number:04d}.jpg", number), range(count)):
            pass
    os.sync()


def make_captioned(folder: Path, count: int) -> None:
    """Images of 256 pixels, noise of some 60 KB each, and a caption beside each: twice as many files."""
    folder.mkdir()
    drawn = np.random.default_rng(3)
    for number in range(count):
        pixels = drawn.integers(0, 256, (256, 256, 3), np.uint8)
        (folder / f"{number:04d}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels, quality=90))
        (folder / f"{number:04d}.txt").write_text(f"a photo of TOK, number {number}")
    os.sync()


def _make_image(path: Path, number: int) -> None:
    drawn = np.random.default_rng(number)
    height, width = (int(drawn.integers(900, 1100)), int(drawn.integers(1200, 1800)))
    rows = np.linspace(0, 3, height, dtype=np.float32)[:, None, None]
    columns = np.linspace(0, 4, width, dtype=np.float32)[None, :, None]
    phase = drawn.uniform(0, 6, 3).astype(np.float32)
    light = 128 + 70 * np.sin(rows + phase) * np.cos(columns - phase)
    for _ in range(12):
        top, left = int(drawn.integers(0, height - 100)), int(drawn.integers(0, width - 100))
        tall, wide = drawn.integers(40, 400, 2)
        light[top : top + tall, left : left + wide] = drawn.integers(0, 256, 3)
    light += drawn.normal(0, 6, (height, width, 1)).astype(np.float32)
    path.write_bytes(simplejpeg.encode_jpeg(np.clip(light, 0, 255).astype(np.uint8), quality=90))

"""Our packer, to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.storage.local import LocalDirectory


def to_disk(folder: str, target: str) -> Callable[[], None]:
    """Pack a manifest's images from the store into a file."""
    pack = packing(Path(folder))

    def work() -> None:
        with Path(target).open("wb", buffering=0) as file:
            file.writelines(pack().chunks())

    return work


def packing(folder: Path) -> Callable[[], DatasetArchive]:
    """How to begin an archive of the manifest in a folder."""
    manifest = DatasetManifest.model_validate_json((folder / "manifest.json").read_bytes())
    return lambda: DatasetArchive(manifest, LocalDirectory(folder / "store"))

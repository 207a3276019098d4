"""Our packer, to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuneloop.dataset.pack import DatasetArchive
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.values.dataset import DatasetManifest


def to_disk(folder: str, target: str) -> Callable[[], None]:
    """Pack a manifest's pictures from the store into a file."""
    pack = packing(Path(folder))

    def work() -> None:
        with Path(target).open("wb", buffering=0) as file:
            file.writelines(pack().chunks())

    return work


def packing(folder: Path) -> Callable[[], DatasetArchive]:
    """How to begin an archive of the manifest in a folder."""
    manifest = DatasetManifest.model_validate_json((folder / "manifest.json").read_bytes())
    return lambda: DatasetArchive(manifest, LocalDirectory(folder / "store"))

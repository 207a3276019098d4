"""Our packer, to disk and into a presigned PUT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuneloop.dataset.pack import DatasetArchive
from tuneloop.errors import ProviderError, RequestRefused
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.transport import Answer, Transport
from tuneloop.values.dataset import DatasetManifest


def to_disk(folder: str, target: str) -> Callable[[], None]:
    """Pack a manifest's pictures from the store into a file."""
    pack = packing(Path(folder))

    def work() -> None:
        with Path(target).open("wb", buffering=0) as file:
            file.writelines(pack().chunks())

    return work


def into_put(folder: str, url: str) -> Callable[[], None]:
    """Pack straight into a presigned PUT."""
    pack = packing(Path(folder))
    transport = Transport("bench", "http://127.0.0.1", ("x-key", "none"), _refused)

    def work() -> None:
        archive = pack()
        transport.put_stream(url, archive.chunks(), archive.size_bytes)

    return work


def packing(folder: Path) -> Callable[[], DatasetArchive]:
    """How to begin an archive of the manifest in a folder."""
    manifest = DatasetManifest.model_validate_json((folder / "manifest.json").read_bytes())
    return lambda: DatasetArchive(manifest, LocalDirectory(folder / "store"))


def _refused(answer: Answer) -> ProviderError:
    return RequestRefused("the gateway refused", **answer.details)

"""A dataset's way into the store, and its manifest's way back out.

Everything lies under the digest of its content, so nothing is ever written twice or overwritten. Uploads,
take-overs and reports read from here and never from the folder, which may have changed or be out of reach.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from contextlib import closing
from pathlib import Path

from pydantic import ValidationError

from tuneloop.datasets.parallel import bounded_map
from tuneloop.errors import CorruptRecord, DatasetError
from tuneloop.schemas.canonical import canonical_json
from tuneloop.schemas.dataset import DatasetManifest, Sha256
from tuneloop.storage.base import Store

_STORED_AT_A_TIME = 8
"""Round trips to the store that are open at once. Each holds one image in memory."""


def image_name(sha256: Sha256) -> str:
    """Name of an image in the store."""
    return f"images/{sha256}"


def manifest_name(digest: Sha256) -> str:
    """Name of a manifest in the store."""
    return f"datasets/{digest}.json"


def store_images(
    manifest: DatasetManifest,
    files: Mapping[Sha256, Path],
    store: Store,
    on_progress: Callable[[int, int], None] | None = None,
    known: Container[Sha256] = (),
) -> None:
    """Put a dataset's images, one file for each, and at last its manifest, which has the captions, into the store.

    What the store holds already is left alone. The manifest comes last: where it is, everything was. Each image
    is asked for by its name all the same, so that one that is gone is put back; a list would be of every dataset.

    Raises:
        DatasetError: A file is gone or has changed since the scan.
        CorruptRecord: The store holds something else under an image's name.
    """
    new = [sha256 for sha256 in files if sha256 not in known]
    # Whoever adds images has none of them in the store, whoever moves a folder all: the first one tells.
    all_absent = bool(new) and store.seems_absent(image_name(new[0]))

    def keep(sha256: Sha256) -> None:
        if (all_absent and sha256 not in known) or store.seems_absent(image_name(sha256)):
            create_or_find(store, image_name(sha256), read_unchanged(files[sha256], sha256))

    with closing(bounded_map(keep, files, _STORED_AT_A_TIME)) as stored:
        for done, _ in enumerate(stored, start=1):
            if on_progress is not None:
                on_progress(done, len(files))
    # One that is there stays. It may name other files and another folder, and is the same dataset all the same.
    store.create(manifest_name(manifest.digest), canonical_json(manifest.model_dump(mode="json")))


def load_manifest(digest: Sha256, store: Store) -> DatasetManifest:
    """Read a manifest back and check that it is the one that was asked for.

    Raises:
        ObjectNotFound: No dataset of this digest was stored.
        CorruptRecord: What is stored under this digest is not this dataset.
    """
    name = manifest_name(digest)
    data = store.read(name)
    try:
        manifest = DatasetManifest.model_validate_json(data)
        if manifest.digest == digest:
            return manifest
        reason = f"describes another dataset ({manifest.digest})"
    except ValidationError as error:
        reason = f"is no dataset manifest ({error.errors()[0]['msg']})"
    raise CorruptRecord(
        f"{store.uri_of(name)} {reason}; restore it from a backup, or move it away and scan the folder again"
    )


def read_unchanged(path: Path, sha256: Sha256) -> bytes:
    """Read an image, making sure that it still is the one that was scanned. Raises `DatasetError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read any more ({error.strerror}); put it back or scan the folder again"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatasetError(f"{path}: has changed since the scan; scan the folder again")
    return data


def create_or_find(store: Store, name: str, data: bytes) -> None:
    """Let a name that is a digest hold its content. Raises `CorruptRecord` where it holds something else."""
    if not store.create(name, data):
        raise CorruptRecord(
            f"{store.uri_of(name)} does not have the hash in its name; move it away and start again"
        )

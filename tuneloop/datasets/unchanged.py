"""How a run tells that a dataset has not changed: by what it looks like from outside, and what a scan found then.

A state is made of names, sizes and times, without reading any file. Two equal ones are the same files as far as
their system tells: enough to say that nothing has changed, never enough to pay for a training. A folder's files
are known by size, time of writing, time of change (which nobody can set back) and number; objects on S3 by ETag,
size and time. A list on S3 names no versions: whoever writes an object anew gives it another time or another ETag.

What a scan found is kept in the store by the state, created once and never trusted for what is paid: every other
run reads and hashes all of the dataset. Losing all of it costs time and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from tuneloop.datasets.files import walk
from tuneloop.datasets.sources import kind_of
from tuneloop.errors import DatasetError, ObjectNotFound
from tuneloop.schemas.canonical import canonical_json, digest_of
from tuneloop.schemas.dataset import Sha256
from tuneloop.schemas.findings import Finding
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.storage.base import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHECKS = 2
"""Raise it when a check sees more or a finding gets another meaning: then every dataset is read again."""
_SETTLED_AFTER_S = 2.0
"""A file may change a second time within one tick of its system's clock; the coarsest ticks every two seconds."""


class ScanRecord(FrozenModel):
    """A dataset that was read and hashed, and could be used."""

    digest: Sha256
    images: int
    findings: tuple[Finding, ...]


def scan_record_name(state: str, recipe: BaseRecipe) -> str:
    """Where a record is kept."""
    document: JsonValue = {"checks": _CHECKS, "state": state, "recipe": recipe.model_dump(mode="json")}
    return f"scans/{digest_of(document)}.json"


def load_scan_record(store: Store, name: str) -> ScanRecord | None:
    """What is kept under a name, None where nothing readable is."""
    try:
        return ScanRecord.model_validate_json(store.read(name))
    except (ObjectNotFound, ValidationError):
        return None


def save_scan_record(store: Store, name: str, record: ScanRecord) -> None:
    """Keep a record; the first one stays."""
    store.create(name, canonical_json(record.model_dump(mode="json")))


def state_of(source: str, client_for: Callable[[str], S3Client] | None = None) -> str | None:
    """Digest of a source's names, sizes and times; None where they cannot tell that nothing has changed.

    Where files were written just now, it waits a moment until their times tell them from later ones. A bucket is
    listed with the client that `client_for` gives for it, or with boto3's own. Raises `DatasetError` where it
    cannot be listed.
    """
    kind = kind_of(source)
    if kind == "s3":
        # A folder needs no boto3.
        from tuneloop.datasets.sources.s3 import default_client, list_objects, parse_s3_uri  # noqa: PLC0415

        place = parse_s3_uri(source)
        client = (client_for or default_client)(place.bucket)
        seen: JsonValue = [
            [one.key, one.etag, one.size_bytes, one.modified] for one in list_objects(place, client)
        ]
        return digest_of({"at": source, "server": client.meta.endpoint_url, "objects": seen})
    return _state_on_disk(source) if kind == "disk" else None


def _state_on_disk(source: str) -> str | None:
    try:
        path = Path(source).expanduser()
        state, newest = _state_of_files(path)
        wait_s = newest + _SETTLED_AFTER_S - time.time()
        if wait_s > 0:
            # A clock ahead of ours is not waited for.
            time.sleep(min(wait_s, _SETTLED_AFTER_S))
            state, newest = _state_of_files(path)
    except (OSError, RuntimeError, ValueError, DatasetError):
        return None  # whoever opens it says what is wrong
    return state if newest + _SETTLED_AFTER_S <= time.time() else None


def _state_of_files(path: Path) -> tuple[str, float]:
    if path.is_file():
        files, others = [(path, path.name)], []
    else:
        found = walk(path)
        files = [(file.path, file.name) for file in found.files]
        others = [*found.ignored, *(finding.sentence for finding in found.findings)]
    seen: list[JsonValue] = []
    newest = 0.0
    for file, name in files:
        of_file = file.stat()
        seen.append([name, of_file.st_size, of_file.st_mtime_ns, of_file.st_ctime_ns, of_file.st_ino])
        newest = max(newest, of_file.st_mtime, of_file.st_ctime)
    return digest_of({"at": str(path.resolve()), "files": seen, "others": list[JsonValue](others)}), newest

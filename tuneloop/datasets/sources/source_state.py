"""What a dataset looks like from outside: names, sizes and times, without reading any of it.

Two equal states are the same files as far as their system tells: enough to say that nothing has changed, never
enough to pay for a training. A folder's files are known by size, time of writing, time of change (which nobody
can set back) and number; objects on S3 by ETag, size and time. A list on S3 names no versions: whoever writes an
object anew gives it another time or another ETag.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tuneloop.datasets.files import walk
from tuneloop.datasets.sources.hub import is_hub_address
from tuneloop.datasets.sources.public_zip import is_address
from tuneloop.datasets.sources.s3 import default_client, is_zip, list_objects, parse_s3_uri
from tuneloop.errors import DatasetError
from tuneloop.schemas.canonical import digest_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SETTLED_AFTER_S = 2.0
"""A file may change a second time within one tick of its system's clock; the coarsest ticks every two seconds."""


def state_of(source: str, client_for: Callable[[str], S3Client] = default_client) -> str | None:
    """Digest of a source's names, sizes and times; None where they cannot tell that nothing has changed.

    Where files were written just now, it waits a moment until their times tell them from later ones.

    Raises:
        DatasetError: A bucket cannot be listed.
    """
    if source.startswith("s3://"):
        place = parse_s3_uri(source)
        client = client_for(place.bucket)
        objects = list_objects(place, client, is_zip=is_zip(source))
        seen: JsonValue = [[one.key, one.etag, one.size_bytes, one.modified.isoformat()] for one in objects]
        return digest_of({"at": source, "server": client.meta.endpoint_url, "objects": seen})
    if is_address(source) or is_hub_address(source):
        return None
    return _state_on_disk(source)


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

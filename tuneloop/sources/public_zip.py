"""A zip at a public address: fetched whole, and asked for once more before a provider fetches it by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tuneloop.errors import DatasetError
from tuneloop.public_file import PublicFile
from tuneloop.sources import limits
from tuneloop.values.dataset import PublicDataset

_SECRET_PARAMETERS = re.compile(r"(?i)signature|token|credential|secret|key|sig|auth|password")


def is_address(dataset: str) -> bool:
    """Tell whether a dataset is named by an address and not by a folder."""
    return dataset.startswith(("https://", "http://"))


def check_address(url: str) -> None:
    """Refuse an address that holds a secret: it would be kept in records.

    Raises:
        DatasetError: Says what to do instead.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DatasetError("the dataset's address is none; write it as https://host/name.zip") from None
    named = (name for text in (parts.query, parts.fragment) for name, _ in parse_qsl(text))
    secret = [name for name in named if _SECRET_PARAMETERS.search(name)]
    if parts.username or parts.password or secret:
        raise DatasetError(
            f"the dataset's address on {parts.hostname} holds a secret ({', '.join(secret) or 'a password'}); "
            "use an address that is public, a folder, or s3://. Prefect keeps a run's parameters: delete a run "
            "that was given this address, and make the secret useless where it was issued"
        )


def check_still_there(dataset: PublicDataset) -> None:
    """Ask for the address once more just before the submit. Raises `DatasetError` where it has changed."""
    file = PublicFile(dataset.url)
    size_bytes, etag = file.head()
    if (size_bytes, etag) != (dataset.size_bytes, dataset.etag):
        raise DatasetError(f"{dataset.url} has changed since it was fetched; run again")


def fetch(url: str, archive: Path, on_progress: Callable[[int, int | None], None] | None = None) -> PublicDataset:
    """Fetch a zip into `archive`, which must not exist.

    Raises:
        DatasetError: The address holds a secret or does not answer HEAD and GET with a Content-Length, or the zip
            is too large.
    """
    check_address(url)
    file = PublicFile(url)
    size_bytes, etag = file.head()
    if size_bytes > limits.LARGEST_ZIP_BYTES:
        raise DatasetError(
            f"{url} has {size_bytes:,} bytes; {limits.LARGEST_ZIP_BYTES:,} is the most that is fetched"
        )
    sha256 = file.save(archive, size_bytes, on_progress)
    return PublicDataset(url=url, sha256=sha256, size_bytes=size_bytes, etag=etag)

"""A zip at a public address: fetched whole, and asked for once more before a provider fetches it by itself."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tuneloop.datasets.sources import Progress, limits
from tuneloop.errors import DatasetError
from tuneloop.http.public_file import PublicFile
from tuneloop.schemas.dataset import PublicDataset

_SECRET_PARAMETERS = re.compile(
    r"signature|token|credential|secret|passw|"
    r"(?<![a-z])(auth|authorization|sig|pwd|(access|account|api|auth|aws|private|pub|shared)?[-_.]?key([-_.]?id)?)(?![a-z])"
)
"""Parts of names. `keyword` and `author` are none, nor is the `rlkey` that each link to a file on Dropbox has."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def check_address(url: str) -> None:
    """Refuse an address that holds a secret: it would be kept in records. Raises `DatasetError`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DatasetError("the dataset's address is malformed; write it as https://host/name.zip") from None
    named = (name for text in (parts.query, parts.fragment) for name, _ in parse_qsl(text))
    secret = [name for name in named if _SECRET_PARAMETERS.search(_WORD.sub("-", name).lower())]
    if parts.username or parts.password or secret:
        raise DatasetError(
            f"the dataset's address on {parts.hostname} holds a secret ({', '.join(secret) or 'a password'}); "
            "use an address that is public, a folder, or s3://. Prefect keeps a run's parameters: delete a run "
            "that was given this address, and revoke the secret where it was issued"
        )


def check_still_there(dataset: PublicDataset) -> None:
    """Ask for the address once more just before the submit. Raises `DatasetError` where it has changed."""
    file = PublicFile(dataset.url)
    size_bytes, etag = file.head()
    if (size_bytes, etag) == (dataset.size_bytes, dataset.etag):
        return
    # Several servers behind one name may call the same bytes by different names.
    with tempfile.TemporaryDirectory(prefix="tuneloop-") as temporary:
        archive = Path(temporary) / "dataset.zip"
        if size_bytes == dataset.size_bytes and file.save(archive, size_bytes) == dataset.sha256:
            return
    raise DatasetError(f"{dataset.url} has changed since it was fetched; run again")


def fetch(url: str, archive: Path, on_progress: Progress | None = None) -> None:
    """Fetch a zip into `archive`, which must not exist, wherever its server leads.

    Raises `DatasetError` where the address holds a secret, leads nowhere, or the zip is too large.
    """
    check_address(url)
    PublicFile(url).follow(archive, limits.MAX_ZIP_BYTES, on_progress)


def fetch_as_provider(url: str, archive: Path, on_progress: Progress | None = None) -> PublicDataset:
    """Fetch a zip into `archive`, which must not exist, where a provider will fetch it by itself later.

    Raises `DatasetError` where the address holds a secret, leads elsewhere or does not answer HEAD and GET with a
    Content-Length, or the zip is too large.
    """
    check_address(url)
    file = PublicFile(url)
    size_bytes, etag = file.head()
    if size_bytes > limits.MAX_ZIP_BYTES:
        raise DatasetError(f"{url} has {size_bytes:,} bytes; the limit is {limits.MAX_ZIP_BYTES:,}")
    sha256 = file.save(archive, size_bytes, on_progress)
    return PublicDataset(url=url, sha256=sha256, size_bytes=size_bytes, etag=etag)

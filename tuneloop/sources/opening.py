"""Opens a dataset's source, whatever kind it is of, as a local folder."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.errors import DatasetError
from tuneloop.sources.bucket import default_client, fetch_folder, fetch_zip, place_of
from tuneloop.sources.public_zip import fetch, fetch_as_provider, is_address
from tuneloop.sources.unpacking import unpack
from tuneloop.values.dataset import PublicDataset

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Progress = Callable[[int, int | None], None]
_ANY_ADDRESS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+.-]+)://")
_KINDS = "a folder, a .zip file, https://….zip, s3://bucket/prefix or s3://bucket/….zip"
_REMEDIES = {
    "gs": "copy it to S3, or make a zip of it public and name its https address",
    "az": "copy it to S3, or make a zip of it public and name its https address",
    "hf": "download it first (hf download) and name the folder",
    "ftp": "download it first and name the folder or the zip",
    "sftp": "download it first and name the folder or the zip",
    "file": "write the path alone",
}


class Opened(NamedTuple):
    """A source that is at hand."""

    folder: Path
    """Where its files are: to be read only, and gone afterwards unless it is the user's own."""
    label: str
    """What people call the source."""
    public: PublicDataset | None
    """The zip that the provider fetches by itself; None where it is sent what we pack."""


@contextmanager
def opened(
    source: str,
    *,
    client_for: Callable[[str], S3Client] = default_client,
    provider_fetches: bool = False,
    on_progress: Progress | None = None,
) -> Iterator[Opened]:
    """Bring a source to a local folder that is gone afterwards. A user's own folder is used in place.

    Args:
        source: A folder, a zip file, `https://….zip`, `s3://bucket/prefix` or `s3://bucket/….zip`.
        client_for: Makes the S3 client that reads a bucket.
        provider_fetches: The provider fetches a public address by itself; such a zip must be flat.
        on_progress: Told (bytes done, bytes in all) while something is fetched or unpacked.

    Raises:
        DatasetError: Names the source or the file within it, the reason and the remedy.
        ProviderError: A public address does not answer as it should.
    """
    if not is_address(source) and not source.startswith("s3://"):
        path = _local(source)
        if path.is_dir():
            yield Opened(path, str(path), None)
            return
    with tempfile.TemporaryDirectory(prefix="tuneloop-") as temporary:
        archive, folder = Path(temporary) / "dataset.zip", Path(temporary) / "dataset"
        folder.mkdir()
        if is_address(source):
            public = fetch_as_provider(source, archive, on_progress) if provider_fetches else None
            if public is None:
                fetch(source, archive, on_progress)
            unpack(archive, folder, source, flat=provider_fetches)
            label = source
        else:
            public = None
            label = _brought(source, archive, folder, client_for, on_progress)
        # A zip may be as large as what is in it: one copy is enough from here on.
        archive.unlink(missing_ok=True)
        yield Opened(folder, label, public)


def _brought(
    source: str,
    archive: Path,
    folder: Path,
    client_for: Callable[[str], S3Client],
    on_progress: Progress | None,
) -> str:
    """Fill a folder from a zip file or from S3. Returns what people call the source."""
    if not source.startswith("s3://"):
        path = _local(source)
        unpack(path, folder, str(path), on_progress=on_progress)
        return str(path)
    place = place_of(source)
    client = client_for(place.bucket)
    if place.key.lower().endswith(".zip") and not source.endswith("/"):
        fetch_zip(place, client, archive, on_progress)
        unpack(archive, folder, place.label)
    else:
        fetch_folder(place, client, folder, on_progress)
    return place.label


def _local(source: str) -> Path:
    """Path of a folder or a zip file. Raises `DatasetError` for everything else."""
    kind = _ANY_ADDRESS.match(source)
    if kind:
        remedy = _REMEDIES.get(kind["kind"].lower(), f"name {_KINDS}")
        raise DatasetError(f"datasets are not read from {kind['kind']}:// addresses; {remedy}")
    if not source.strip():
        raise DatasetError(f"the dataset is not named; name {_KINDS}")
    try:
        path = Path(source).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise DatasetError(f"{source!r}: cannot be opened ({error}); check the path") from None
    if is_folder or (is_file and path.suffix.lower() == ".zip"):
        return path
    if path.exists():
        raise DatasetError(f"{path}: is neither a folder nor a .zip file; unpack it and name the folder")
    what = "zip file" if path.suffix.lower() == ".zip" else "folder"
    raise DatasetError(f"{path}: there is no such {what}; check the path")

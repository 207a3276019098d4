"""Opens a dataset's source, whatever kind it is of, as a local folder."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.parquet import image_tables, unpacked_tables
from tuneloop.datasets.sources import Progress, kind_of
from tuneloop.datasets.sources.hub import fetch_from_hub, hub_place
from tuneloop.datasets.sources.public_zip import fetch, fetch_as_provider
from tuneloop.datasets.sources.s3 import default_client, fetch_from_s3, parse_s3_uri
from tuneloop.datasets.sources.unpacking import unpack
from tuneloop.errors import DatasetError
from tuneloop.schemas.dataset import PublicDataset

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ANY_ADDRESS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+.-]+)://")
_KINDS = "a folder, a .zip file, https://….zip, s3://bucket/prefix, s3://bucket/….zip or hf://datasets/OWNER/NAME"
_REMEDIES = {
    **dict.fromkeys(("gs", "az"), "copy it to S3, or make a zip of it public and name its https address"),
    **dict.fromkeys(("ftp", "sftp"), "download it first and name the folder or the zip"),
    "file": "write the path alone",
}


class OpenedSource(NamedTuple):
    """A source that is at hand."""

    folder: Path
    label: str
    public: PublicDataset | None
    """The zip that the provider fetches by itself; None where it is sent what we pack."""


@contextmanager
def open_source(
    source: str,
    *,
    client_for: Callable[[str], S3Client] = default_client,
    provider_fetches: bool = False,
    on_progress: Progress | None = None,
) -> Iterator[OpenedSource]:
    """Bring a source to a local folder that is gone afterwards. A user's own folder is used in place.

    It is a folder, a zip file, `https://….zip`, `s3://bucket/prefix`, `s3://bucket/….zip` or
    `hf://datasets/OWNER/NAME[@REVISION][/FOLDER]`; a zip that the provider fetches by itself must be flat.
    Progress is told while something is fetched or unpacked.

    Raises:
        DatasetError: Names the source or the file within it, the reason and the remedy.
        ProviderError: A public address does not answer as it should.
    """
    kind = kind_of(source)
    if kind == "disk" and (own := _local(source)).is_dir() and not image_tables(own, str(own)):
        yield OpenedSource(own, str(own), None)
        return
    with tempfile.TemporaryDirectory(prefix="tuneloop-") as temporary:
        place = Path(temporary)
        if kind == "web" and provider_fetches:
            archive = place / "dataset.zip"
            public = fetch_as_provider(source, archive, on_progress)
            yield OpenedSource(_unpacked(archive, place, source, flat=True), source, public)
        else:
            folder, label = _brought(source, place, client_for, on_progress)
            yield OpenedSource(unpacked_tables(folder, place / "tables", label), label, None)


def _brought(
    source: str, place: Path, client_for: Callable[[str], S3Client], on_progress: Progress | None
) -> tuple[Path, str]:
    """Bring a source to a folder below `place`. Returns the folder and what people call the source."""
    kind, unpacking = kind_of(source), None
    if kind == "web":
        label, fetched = source, place / "dataset.zip"
        fetch(source, fetched, on_progress)
    elif kind == "hub":
        label, fetched = fetch_from_hub(hub_place(source), place / "hub", on_progress)
    elif kind == "s3":
        named = parse_s3_uri(source)
        label, fetched = named.label, fetch_from_s3(named, client_for(named.bucket), place / "s3", on_progress)
    else:
        fetched, unpacking = _local(source), on_progress
        label = str(fetched)
    return (fetched if fetched.is_dir() else _unpacked(fetched, place, label, on_progress=unpacking)), label


def _unpacked(
    archive: Path, place: Path, label: str, *, flat: bool = False, on_progress: Progress | None = None
) -> Path:
    """Unpack a zip to a folder below `place`. One that was fetched there goes: one copy is enough from here on."""
    folder = place / "dataset"
    folder.mkdir()
    unpack(archive, folder, label, flat=flat, on_progress=on_progress)
    if archive.is_relative_to(place):
        archive.unlink()
    return folder


def _local(source: str) -> Path:
    """Path of a folder or a zip file. Raises `DatasetError` for everything else."""
    kind = _ANY_ADDRESS.match(source)
    if kind:
        remedy = _REMEDIES.get(kind["kind"].lower(), f"name {_KINDS}")
        raise DatasetError(f"datasets are not read from {kind['kind']}:// addresses; {remedy}")
    if not source.strip():
        raise DatasetError(f"no dataset is named; name {_KINDS}")
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

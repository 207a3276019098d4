"""A dataset at a public address, as a zip: fetched once, looked at like a folder, named by its contents."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlsplit

from tuneloop.errors import DatasetError
from tuneloop.public_file import PublicFile
from tuneloop.values.dataset import PublicDataset

LARGEST_ZIP_BYTES = 4 << 30
LARGEST_UNPACKED_BYTES = 8 << 30
_SECRET_PARAMETERS = re.compile(r"(?i)signature|token|credential|secret|key|sig|auth|password")


def is_address(dataset: str) -> bool:
    """Tell whether a dataset is named by an address and not by a folder."""
    return dataset.startswith(("https://", "http://"))


def check_address(url: str) -> None:
    """Refuse an address that holds a secret: it would be kept in records.

    Raises:
        DatasetError: Says what to do instead.
    """
    parts = urlsplit(url)
    secret = [name for name, _ in parse_qsl(parts.query) if _SECRET_PARAMETERS.search(name)]
    if parts.username or parts.password or secret:
        raise DatasetError(
            f"the dataset's address on {parts.hostname} holds a secret ({', '.join(secret) or 'a password'}); "
            "use an address that is public, or a folder"
        )


def check_still_there(dataset: PublicDataset) -> None:
    """Ask for the address once more just before the submit. Raises `DatasetError` where it has changed."""
    file = PublicFile(dataset.url)
    size_bytes, etag = file.head()
    if (size_bytes, etag) != (dataset.size_bytes, dataset.etag):
        raise DatasetError(f"{dataset.url} has changed since it was fetched; run again")


@contextmanager
def fetched(url: str) -> Iterator[tuple[PublicDataset, Path]]:
    """Fetch a zip and unpack its files into a folder that is gone afterwards.

    Raises:
        DatasetError: It does not answer HEAD and GET with a Content-Length, or is no flat zip.
    """
    check_address(url)
    with tempfile.TemporaryDirectory(prefix="tuneloop-") as folder:
        archive, pictures = Path(folder) / "dataset.zip", Path(folder) / "pictures"
        file = PublicFile(url)
        size_bytes, etag = file.head()
        if size_bytes > LARGEST_ZIP_BYTES:
            raise DatasetError(
                f"{url} has {size_bytes:,} bytes; {LARGEST_ZIP_BYTES:,} is the most that is fetched"
            )
        sha256 = file.save(archive, size_bytes)
        pictures.mkdir()
        _unpack(archive, pictures, url)
        yield PublicDataset(url=url, sha256=sha256, size_bytes=size_bytes, etag=etag), pictures


def _unpack(archive: Path, folder: Path, url: str) -> None:
    """Unpack a flat zip, trusting no name and no size in it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [item for item in opened.infolist() if not _left_behind(item)]
            if sum(item.file_size for item in entries) > LARGEST_UNPACKED_BYTES:
                raise DatasetError(f"{url} unpacks to more than {LARGEST_UNPACKED_BYTES:,} bytes; make it smaller")
            for item in entries:
                name = PurePosixPath(item.filename)
                if len(name.parts) != 1 or "\\" in item.filename or name.name in {"", ".."}:
                    raise DatasetError(f"{url}: {item.filename!r} is in a folder; zip the pictures flat")
                with opened.open(item) as source, (folder / name.name).open("xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, FileExistsError, EOFError) as error:
        raise DatasetError(f"{url} is no zip that can be read: {error}") from None


def _left_behind(item: zipfile.ZipInfo) -> bool:
    """Tell what operating systems put into zips from what a person put there."""
    name = PurePosixPath(item.filename)
    return name.parts[:1] == ("__MACOSX",) or name.name.startswith(".") or name.name == "Thumbs.db"

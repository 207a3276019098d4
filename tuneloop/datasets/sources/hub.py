"""Datasets on the Hugging Face Hub, fetched as they are at one commit.

Everything is asked through huggingface_hub, which sends its token (`HF_TOKEN`, or that of `hf auth login`) to the
hub itself and to no storage that the hub leads to.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote

from tuneloop.datasets.listing import CAPTION_SUFFIXES, IMAGE_SUFFIXES, OTHER_IMAGE_SUFFIXES, TABLE_NAMES
from tuneloop.datasets.sources import Progress, limits
from tuneloop.datasets.sources.fetching import RemoteFile, check_files, fetch_all
from tuneloop.datasets.sources.names import is_system_path, name_problem
from tuneloop.errors import DatasetError, DatasetUnavailable
from tuneloop.http.addresses import check_api_address

_FORM = "hf://datasets/OWNER/NAME, with @REVISION and /FOLDER if wanted"
_PLACE = re.compile(
    r"datasets/(?P<repository>[A-Za-z0-9][\w.-]*/[\w.-]+)"
    r"(@(?P<revision>refs/(?:convert|pr)/[^/@]+|[^/@]+))?(/(?P<path>.*))?",
    re.ASCII,
)
_WANTED = IMAGE_SUFFIXES | OTHER_IMAGE_SUFFIXES | CAPTION_SUFFIXES | {".parquet"}
_ANSWER_S = 60.0
_ENDPOINT = "https://huggingface.co"
_MEANINGS = {
    "GatedRepoError": "access is restricted; request it on its page, and set HF_TOKEN where the flows run",
    "RepositoryNotFoundError": "there is no such dataset, or it is private; check the name, or set HF_TOKEN where "
    "the flows run",
    "RevisionNotFoundError": "it has no such revision; name a branch, a tag or a commit after the @",
    "OfflineModeIsEnabled": "the hub is not contacted while HF_HUB_OFFLINE is set; unset it where the flows run",
}


class HubPlace(NamedTuple):
    """What an address of the hub names."""

    repository: str
    revision: str | None
    path: str
    """A folder or a zip within it; empty for all of it."""

    def label(self, commit: str | None = None) -> str:
        """The address, with the commit in place of the revision where it is known."""
        revision = commit or self.revision
        at, below = f"@{revision}" if revision else "", f"/{self.path}" if self.path else ""
        return f"hf://datasets/{self.repository}{at}{below}"


def hub_place(source: str) -> HubPlace:
    """Read an address. Raises `DatasetError` where it names no dataset; what it holds is not shown."""
    found = _PLACE.fullmatch(source.removeprefix("hf://"))
    path = (found["path"] or "").strip("/") if found else ""
    if not found or (path and name_problem(path)):
        raise DatasetError(f"the address on the Hugging Face Hub names no dataset; write it as {_FORM}")
    return HubPlace(found["repository"], unquote(found["revision"]) if found["revision"] else None, path)


def fetch_from_hub(place: HubPlace, folder: Path, on_progress: Progress | None = None) -> tuple[str, Path]:
    """Fetch the images, captions and tables of a dataset, and nothing else of it.

    Raises `DatasetError`; names and sizes are checked before anything is fetched. Returns the address with the
    commit that was fetched, and where the folder or the zip is that it names.
    """
    hub = _library()
    try:
        endpoint = check_api_address(os.environ.get("HF_ENDPOINT") or _ENDPOINT)
    except ValueError as error:
        raise DatasetError(f"HF_ENDPOINT: {error}") from None
    with _hub_errors(place.label()):
        info = hub.HfApi(endpoint=endpoint).dataset_info(
            place.repository, revision=place.revision, files_metadata=True, timeout=_ANSWER_S
        )
    label = place.label(info.sha)
    found = _wanted(place, label, info.siblings or [])

    def fetch(item: RemoteFile) -> None:
        where = {"repo_type": "dataset", "revision": info.sha, "local_dir": folder, "endpoint": endpoint}
        with _hub_errors(f"{label}: {item.name!r}"):
            hub.hf_hub_download(place.repository, item.key, **where)
        if (folder / item.key).stat().st_size != item.size_bytes:
            raise DatasetError(f"{label}: {item.name!r} is not of the size that the hub states; run again")

    fetch_all(fetch, found, on_progress)
    # The library's notes for the next time.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return label, folder / place.path


def _library() -> Any:
    try:
        hub = import_module("huggingface_hub")
        _ = hub.HfApi, hub.hf_hub_download  # loaded at their first use, with what they need
    except ImportError:
        raise DatasetError(
            "hf:// needs huggingface_hub, which is not installed; install it with `pip install 'tuneloop[hub]'`"
        ) from None
    import_module("huggingface_hub.utils").disable_progress_bars()
    return hub


def _wanted(place: HubPlace, label: str, siblings: list[Any]) -> list[RemoteFile]:
    """Choose from the repository's files, and stop where they are too many or too large."""
    if len(siblings) > limits.MAX_FILES:
        many = f"more than {limits.MAX_FILES:,} files"
        raise DatasetError(f"{label}: its repository holds {many}; make a smaller one")
    zipped = _is_zip(place.path)
    prefix = place.path if zipped or not place.path else f"{place.path}/"
    below = [
        RemoteFile(one.rfilename, one.rfilename.removeprefix(prefix) or one.rfilename, one.size or 0)
        for one in siblings
        if one.rfilename.startswith(prefix)
    ]
    found = [one for one in below if (one.key == place.path if zipped else _is_wanted(one.name))]
    if not found:
        zips = [one.key for one in below if _is_zip(one.key)]
        remedy = f"name {place._replace(path=zips[0]).label()}" if zips else "check the address"
        raise DatasetError(f"{label}: there are no images and no tables of images; {remedy}")
    most = limits.MAX_ZIP_BYTES if zipped else limits.MAX_FILE_BYTES
    check_files(found, label, lambda one: f"{label}: {one.name!r}", most)
    return found


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return not is_system_path(name) and (path.suffix.lower() in _WANTED or path.name in TABLE_NAMES)


def _is_zip(path: str) -> bool:
    return path.lower().endswith(".zip")


@contextmanager
def _hub_errors(thing: str) -> Iterator[None]:
    """Turn the library's errors into ours; theirs hold addresses, which may be signed, so none is chained."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - its errors and those of what it asks with have no class in common
        kinds = [kind.__name__ for kind in type(error).__mro__]
        meaning = next((_MEANINGS[kind] for kind in kinds if kind in _MEANINGS), None)
        status = getattr(getattr(error, "response", None), "status_code", None)
        if meaning is not None:
            raise DatasetError(f"{thing}: {meaning}") from None
        told = f"answers {status}" if status else f"cannot be read ({kinds[0]})"
        raise DatasetUnavailable(
            f"{thing}: the hub {told}; check the network and HF_ENDPOINT, then run again"
        ) from None

"""Download a champion's weights from the store into a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tuneloop.errors import ConfigurationError, CorruptRecord
from tuneloop.schemas.records import Promotion
from tuneloop.storage.base import Store
from tuneloop.storage.local_files import output_file
from tuneloop.storage.upload import Digest

_READ_BYTES = 1 << 20
Progress = Callable[[int, int], None]


def target_of(promotion: Promotion, to: Path | None) -> Path:
    """Where the weights of a promotion go: a file, or into a folder that is there, by default the current one.

    Raises `ConfigurationError` where the weights stay at the provider.
    """
    suffix = PurePosixPath(_weights_of(promotion)).suffix
    name = f"{promotion.model}-{promotion.number:04d}{suffix}"
    if to is None:
        return Path(name)
    return to / name if to.is_dir() else to


def pull_weights(
    store: Store,
    promotion: Promotion,
    target: Path,
    *,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> bool:
    """Stream a promotion's weights into a file that appears only after its sha256 was checked.

    Returns False where the file was there already, with these very bytes: it was left alone.

    Raises:
        ConfigurationError: There are no weights to pull, or something else has the file's name.
        CorruptRecord: The store holds other bytes than were recorded; no file is made.
    """
    name = _weights_of(promotion)
    if target.exists() and _is_there(target, promotion, overwrite=overwrite):
        return False
    size_bytes = store.size(name) or 0
    fingerprint = Digest()
    with output_file(target.absolute().parent) as file:
        with store.open(name) as stream:
            while chunk := stream.read(_READ_BYTES):
                fingerprint.update(chunk)
                file.write(chunk)
                if on_progress is not None:
                    on_progress(fingerprint.size_bytes, size_bytes)
        if fingerprint.sha256 != promotion.sha256:
            raise CorruptRecord(
                f"{store.uri_of(name)} has the sha256 {fingerprint.sha256}, and {promotion.sha256} was recorded "
                "when it was trained; restore it from a backup or an older object version. No file was made"
            )
        if target.exists():  # made meanwhile by another program
            _is_there(target, promotion, overwrite=overwrite)
        file.publish(target)
    return True


def _weights_of(promotion: Promotion) -> str:
    if promotion.weights is None:
        raise ConfigurationError(
            f"{promotion.model} v{promotion.number} has no weights to pull: {promotion.account.provider} keeps "
            f"them, and the model is its id there, {promotion.job_id} (account {promotion.account.slug})"
        )
    return promotion.weights


def _is_there(target: Path, promotion: Promotion, *, overwrite: bool) -> bool:
    """Return True if a file holds these bytes already. Raises where it holds others and must stay."""
    if not target.is_file():
        raise ConfigurationError(f"{target} exists and is not a file; name another one with --output")
    with target.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == promotion.sha256
    if not same and not overwrite:
        raise ConfigurationError(
            f"{target} exists and is not {promotion.model} v{promotion.number}; name another file with "
            "--output, or replace it with --force"
        )
    return same

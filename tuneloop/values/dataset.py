"""What a dataset is: its pictures by content, their captions as sent, and one digest over both."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tuneloop.values.canonical import digest_of
from tuneloop.values.frozen import Frozen

PictureFormat = Literal["jpeg", "png", "webp"]
Sha256 = str


class DatasetItem(Frozen):
    """One picture with its caption."""

    sha256: Sha256
    """Sha256 of the source file's bytes, 64 hex digits."""
    size_bytes: int = Field(gt=0)
    """Size of the source file."""
    width_px: int = Field(gt=0)
    """Width as stored in the file, before any EXIF rotation."""
    height_px: int = Field(gt=0)
    """Height as stored in the file, before any EXIF rotation."""
    format: PictureFormat
    """Format by content, whatever the file is called."""
    caption: str | None = None
    """The caption as it is sent to the provider; None leaves captioning to the provider."""
    role: Literal["single", "start", "end"] = "single"
    """`start` and `end` are the two halves of an edit pair."""
    pair: int | None = None
    """Number of the edit pair, None for single pictures."""
    file_name: str
    """Name of the source file, for people only: it stays outside the digest."""
    crc32: int | None = Field(default=None, ge=0, lt=1 << 32)
    """CRC-32 of the source file's bytes, None in old manifests: packing compares it. Outside the digest."""


class DatasetManifest(Frozen):
    """A whole dataset, as found at one moment."""

    items: tuple[DatasetItem, ...]
    """In digest order, so that a folder's order and names make no difference."""
    source: str
    """Where the pictures were found, for people only: it stays outside the digest."""

    @property
    def digest(self) -> Sha256:
        """Sha256 over the sorted contents; renaming keeps it, a caption edit or a re-saved picture changes it."""
        contents = sorted(
            [item.sha256, item.caption or "", item.caption is not None, item.role, item.pair or 0]
            for item in self.items
        )
        return digest_of({"schema": 1, "items": contents})

    @property
    def size_bytes(self) -> int:
        """Bytes of all pictures together."""
        return sum(item.size_bytes for item in self.items)


class DatasetDifference(Frozen):
    """What has changed between two datasets, by file names."""

    added: tuple[str, ...]
    """Pictures that only the new one has."""
    removed: tuple[str, ...]
    """Pictures that only the old one has."""
    recaptioned: tuple[str, ...]
    """Pictures that both have, with another caption."""

    @classmethod
    def between(cls, old: DatasetManifest, new: DatasetManifest) -> DatasetDifference:
        """Compare by content; a renamed picture is the same picture."""
        before = {item.sha256: item for item in old.items}
        after = {item.sha256: item for item in new.items}
        return cls(
            added=tuple(sorted(after[sha].file_name for sha in after.keys() - before.keys())),
            removed=tuple(sorted(before[sha].file_name for sha in before.keys() - after.keys())),
            recaptioned=tuple(
                sorted(
                    after[sha].file_name
                    for sha in before.keys() & after.keys()
                    if before[sha].caption != after[sha].caption
                )
            ),
        )

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.added or self.removed or self.recaptioned)

    @property
    def in_words(self) -> str:
        """The numbers as a sentence."""
        counted = (
            (len(self.added), "picture", "added"),
            (len(self.removed), "picture", "removed"),
            (len(self.recaptioned), "caption", "changed"),
        )
        told = [f"{count} {what}{'s' if count > 1 else ''} {how}" for count, what, how in counted if count]
        return ", ".join(told) or "the same pictures with the same captions"


class PublicDataset(Frozen):
    """A zip at a public address, as it was when it was fetched."""

    url: str
    """Where it lies; holds no secret."""
    sha256: Sha256
    """Sha256 of the zip."""
    size_bytes: int
    """Size of the zip."""
    etag: str | None
    """What the server calls this version, where it does."""


def in_digest_order(items: list[DatasetItem]) -> tuple[DatasetItem, ...]:
    """Sort items by what the digest is made of, with the file name as the last tie-breaker."""
    return tuple(
        sorted(
            items,
            key=lambda item: (
                item.pair or 0,
                item.role,
                item.sha256,
                item.caption or "",
                item.caption is not None,
                item.file_name,
            ),
        )
    )

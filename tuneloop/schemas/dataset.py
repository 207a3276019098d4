"""What a dataset is: its images by content, their captions as sent, and one digest over both."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal

from pydantic import Field

from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.frozen import FrozenModel

ImageFormat = Literal["jpeg", "png", "webp"]
Sha256 = str


class StoredImage(FrozenModel):
    """One image file."""

    sha256: Sha256
    """Sha256 of the file's bytes, 64 hex digits."""
    size_bytes: int = Field(gt=0)
    width_px: int = Field(gt=0)
    """Width as stored in the file, before any EXIF rotation."""
    height_px: int = Field(gt=0)
    """Height as stored in the file, before any EXIF rotation."""
    format: ImageFormat
    crc32: int | None = Field(default=None, ge=0, lt=1 << 32)
    """CRC-32 of the file's bytes: packing compares it, and computes the sha256 where it is None."""


class DatasetItem(StoredImage):
    """One image with its caption. The CRC-32 is None in old manifests, and outside the digest."""

    caption: str | None = None
    """The caption as it is sent to the provider; None leaves captioning to the provider."""
    role: Literal["single", "start", "end"] = "single"
    """`start` and `end` are the two halves of an edit pair."""
    pair: int | None = None
    """Number of the edit pair, None for single images."""
    file_name: str
    """Name of the source file, for people only: it stays outside the digest."""


class DatasetManifest(FrozenModel):
    """A whole dataset, as found at one moment."""

    items: tuple[DatasetItem, ...]
    """In digest order, so that a folder's order and names make no difference."""
    source: str
    """Where the images were found, for people only: it stays outside the digest."""

    @property
    def digest(self) -> Sha256:
        """Sha256 over the sorted contents; renaming keeps it, a caption edit or a re-saved image changes it."""
        contents = sorted(
            [item.sha256, item.caption or "", item.caption is not None, item.role, item.pair or 0]
            for item in self.items
        )
        return digest_of({"schema": 1, "items": contents})

    @property
    def size_bytes(self) -> int:
        return sum(item.size_bytes for item in self.items)

    @property
    def caption_count(self) -> int:
        return sum(item.caption is not None for item in self.items)


class DatasetDifference(FrozenModel):
    """What has changed between two datasets, by file names."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    captions_changed: tuple[str, ...]
    pairs_changed: bool = False
    """Whether the same images make other pairs."""

    @classmethod
    def between(cls, old: DatasetManifest, new: DatasetManifest) -> DatasetDifference:
        """Compare by content; a renamed image is the same image, and one that is there twice counts twice."""
        before, after = _by_content(old), _by_content(new)
        added, removed, captions_changed = [], [], []
        for sha in before.keys() | after.keys():
            gone, come = _unmatched(before[sha], after[sha]), _unmatched(after[sha], before[sha])
            both = min(len(gone), len(come))
            captions_changed += [item.file_name for item in come[:both]]
            added += [item.file_name for item in come[both:]]
            removed += [item.file_name for item in gone[both:]]
        return cls(
            added=tuple(sorted(added)),
            removed=tuple(sorted(removed)),
            captions_changed=tuple(sorted(captions_changed)),
            pairs_changed=not added and not removed and _pairs(old) != _pairs(new),
        )

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.captions_changed or self.pairs_changed)

    @property
    def summary(self) -> str:
        counted = (
            (len(self.added), "image", "added"),
            (len(self.removed), "image", "removed"),
            (len(self.captions_changed), "caption", "changed"),
        )
        told = [f"{count} {what}{'s' if count > 1 else ''} {how}" for count, what, how in counted if count]
        told += ["paired otherwise"] * self.pairs_changed
        return ", ".join(told) or "the same images with the same captions"


def _by_content(manifest: DatasetManifest) -> dict[Sha256, list[DatasetItem]]:
    found: dict[Sha256, list[DatasetItem]] = defaultdict(list)
    for item in manifest.items:
        found[item.sha256].append(item)
    return found


def _unmatched(items: list[DatasetItem], others: list[DatasetItem]) -> list[DatasetItem]:
    """Those of equal images whose caption and role none of the others has, each other one taken once."""
    left = Counter((other.caption, other.role) for other in others)
    unmatched = []
    for item in items:
        if left[item.caption, item.role]:
            left[item.caption, item.role] -= 1
        else:
            unmatched.append(item)
    return unmatched


def _pairs(manifest: DatasetManifest) -> Counter[tuple[Sha256, ...]]:
    """How often each pair of images is there, whatever its number."""
    pairs: dict[int, list[tuple[str, Sha256]]] = defaultdict(list)
    for item in manifest.items:
        if item.pair is not None:
            pairs[item.pair].append((item.role, item.sha256))
    return Counter(tuple(sha for _, sha in sorted(pair)) for pair in pairs.values())


class PublicDataset(FrozenModel):
    """A zip at a public address, as it was when it was fetched."""

    url: str
    """Where it lies; holds no secret."""
    sha256: Sha256
    size_bytes: int
    etag: str | None
    """What the server calls this version, where it does."""


def in_digest_order(items: list[DatasetItem]) -> tuple[DatasetItem, ...]:
    """Sort items by what the digest is made of, with the file name as the last tie-breaker."""

    def order(item: DatasetItem) -> tuple[int, str, str, str, bool, str]:
        caption = item.caption
        return (item.pair or 0, item.role, item.sha256, caption or "", caption is not None, item.file_name)

    return tuple(sorted(items, key=order))

"""Datasets: their images by content, captions as sent, one digest over both, limits, and changed copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal

from pydantic import ConfigDict, Field

from tuneloop.schemas.canonical import digest_of, drop_empty
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


class ImageInfo(StoredImage):
    """What was read from one decoded image file."""

    orientation: int = Field(default=1, ge=1, le=8)
    """EXIF orientation; 1 needs no rotation."""
    mode: str
    """Pillow's mode, such as RGB, L, P, RGBA, CMYK or I;16."""
    alpha: bool
    """Whether any pixel is transparent, wholly or in part; an alpha channel that is opaque everywhere is not."""
    bits: int
    """Bits per channel (of a palette, per index)."""
    frames: int = Field(default=1, ge=1)
    """More than one: it is animated."""
    profile: str | None = None
    """Name of the embedded color profile where it looks otherwise than sRGB, None where it does not."""
    trailing_bytes: int = Field(default=0, ge=0)
    """Bytes behind the image's end, such as a film that a phone put there."""
    perceptual_hash: int = Field(ge=0, lt=1 << 64)
    """64 bits over brightness, EXIF rotation applied; near images differ in few bits. A flat one has 0."""
    sharpness: float
    """How sharp the sharpest edges are, against the image's contrast, scaled to a common size: 1 is sharp."""
    mean: float
    spread: float
    """Standard deviation of the brightness, 0 to 127; low is flat."""


class DatasetRequirements(FrozenModel):
    """Limits of one trainer. None: its pages say nothing, so nothing is refused for it.

    Where a page recommends instead of demanding, crossing the number is a warning.
    """

    formats: frozenset[ImageFormat] = frozenset({"jpeg", "png", "webp"})
    recommended_formats: frozenset[ImageFormat] | None = None
    """Images of another format are a warning, though nobody refuses them."""
    min_images: int = 1
    """Fewer are refused. Pairs count as two images."""
    max_images: int | None = None
    """More are refused."""
    recommended_min_images: int | None = None
    """Fewer are a warning."""
    recommended_max_images: int | None = None
    """More are a warning."""
    max_zip_bytes: int | None = None
    """A larger zip is refused."""
    recommended_max_zip_bytes: int | None = None
    """A larger zip is a warning."""
    min_side_px: int = 64
    """An image with a shorter side is refused: enlarged sixteen times and more, nothing of an icon is left."""
    recommended_min_side_px: int = 256
    """An image with a shorter side is a warning: every trainer here enlarges it, and learns the blur."""
    scaled_to_px: int | None = None
    """Pixels (width times height) to which the provider scales larger images down; for the report only."""
    max_caption_length: int | None = 2_000
    """Characters in a caption; longer ones are a warning. T5, which FLUX reads with, takes 512 tokens."""
    captions_required: bool = False
    """Images without a caption are refused."""


NO_LIMITS = DatasetRequirements(min_side_px=1, max_caption_length=None)
"""Refuses nothing that can be decoded: for datasets that somebody has trained on already."""


class ImagePreprocessing(FrozenModel):
    """How images are prepared for the trainer. The files themselves are never changed: copies are sent.

    What an image's EXIF data says about its rotation is always applied, on a copy, for trainers ignore it.
    """

    model_config = ConfigDict(title="Normalize images")

    convert_to_rgb: bool = True
    """Turn CMYK, 16 bits, transparency (onto white) and embedded color profiles into plain sRGB."""
    longest_side_px: int | None = Field(default=None, ge=64, le=16384)
    """Scale images down to this many pixels on their longer side; smaller ones are left alone."""
    reencode: Literal["keep", "jpeg", "png"] = "keep"
    """Format of the images that are sent; those that have it and need no other change are sent as they are."""
    jpeg_quality: int = Field(default=95, ge=70, le=100)
    """Quality of copies in JPEG, 70 to 100."""


class PreparedImage(StoredImage):
    """The copy that is sent in place of one source image; it lies in the store under its own sha256."""


class PreparedImages(FrozenModel):
    """Every image of one dataset that is sent as a copy, written once: a later library may encode otherwise."""

    copies: dict[Sha256, PreparedImage]
    """By the sha256 of the source file. Images that are not named are sent as they are."""


def copies_name(dataset_digest: Sha256, normalize: ImagePreprocessing | None) -> str:
    """Name of a dataset's copy list in the store."""
    preprocessing = digest_of(drop_empty(normalize.model_dump(mode="json")))[:16] if normalize else "as-they-are"
    return f"datasets/{dataset_digest}-{preprocessing}.copies.json"

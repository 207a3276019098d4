"""A folder of images, inspected before anything is uploaded, and turned into a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tuneloop.datasets.archive import archive_size
from tuneloop.datasets.caption_sources import Captions, gather_captions
from tuneloop.datasets.captions import CaptionRule, words_of
from tuneloop.datasets.checks.caption_checks import caption_findings
from tuneloop.datasets.checks.dataset_checks import UsableImage, number_findings, set_findings, size_findings
from tuneloop.datasets.checks.image_checks import image_findings
from tuneloop.datasets.delivery import LOCAL_ARCHIVE, Delivery, apply_delivery
from tuneloop.datasets.images.inspect import inspect_all
from tuneloop.datasets.listing import Listing, list_folder
from tuneloop.datasets.pairs import number_pairs, parse_pair_name
from tuneloop.errors import DatasetError
from tuneloop.schemas.dataset import (
    DatasetItem,
    DatasetManifest,
    DatasetRequirements,
    ImageInfo,
    Sha256,
    StoredImage,
    in_digest_order,
)
from tuneloop.schemas.findings import Finding, error, errors_in, warnings_in
from tuneloop.schemas.frozen import FrozenModel

_ERRORS_NAMED = 10


class Preflight(FrozenModel):
    """Everything that can be told of a folder before anything is uploaded or paid."""

    findings: tuple[Finding, ...]
    """What is wrong, errors first."""
    manifest: DatasetManifest | None
    """None where there are errors."""
    source: str
    files: dict[Sha256, Path]
    """One file for every image that can be decoded."""
    facts: dict[Sha256, ImageInfo]
    """What is known of every image that can be decoded, errors elsewhere or not."""
    folders: dict[str, int]
    """How many image files come from which subfolder; from the folder itself under an empty name."""
    captions: int
    """Images, or pairs, that somebody has written a caption for."""
    size_bytes: int
    zip_bytes: int
    """Size of the zip that would be sent if every image went as it is."""

    @property
    def images(self) -> int:
        return sum(self.folders.values())

    def require_manifest(self) -> DatasetManifest:
        """The dataset. Raises `DatasetError` where it cannot be used, with its first errors, one a line."""
        if self.manifest is not None:
            return self.manifest
        errors = errors_in(self.findings)
        told = [one.sentence for one in errors[:_ERRORS_NAMED]]
        told += [f"and {len(errors) - _ERRORS_NAMED} more"] if len(errors) > _ERRORS_NAMED else []
        raise DatasetError("\n".join([f"The dataset in {self.source} cannot be used:", *told]))


def not_opened(source: str, why: DatasetError) -> Preflight:
    """What can be told of a dataset that cannot be opened: only why."""
    reason, _, remedy = str(why).rpartition("; ")
    finding = error("not-opened", None, reason or remedy, remedy if reason else "name another dataset")
    return Preflight(
        findings=(finding,), manifest=None, source=source, files={}, facts={}, folders={}, captions=0,
        size_bytes=0, zip_bytes=0,
    )  # fmt: skip


def preflight(
    folder: Path,
    rule: CaptionRule,
    profile: DatasetRequirements,
    *,
    pairs: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    sending: Delivery = LOCAL_ARCHIVE,
    source: str | None = None,
) -> Preflight:
    """Find everything that is wrong with a folder of images. The folder itself is never changed.

    It holds jpg, png and webp files, also in subfolders, and their captions: a `.txt` or `.caption` of the same
    name beside those that have one, or a caption table. With `pairs` the images are `NN_start` and `NN_end`. The
    manifest names `source`, or the folder where that is None. Raises `DatasetError` where the folder cannot be
    listed.
    """
    listing = list_folder(folder, pairs=pairs)
    captions = gather_captions(listing)
    taken, unusable = _inspect(listing, captions, rule, on_progress)
    items = [_item(one, pairs=pairs) for one in taken]
    numbered = number_pairs(items) if pairs else [item for _, item in items]
    manifest = DatasetManifest(items=in_digest_order(numbered), source=source or str(listing.root))
    zip_bytes = archive_size(manifest.items)
    found = (
        *listing.findings,
        *number_findings(len(listing.images), profile),
        *captions.findings,
        *caption_findings(listing.images, captions, rule, profile, sending),
        *unusable,
        *(one for kept in taken for one in image_findings(kept.facts, kept.image.name, profile)),
        *set_findings(taken, profile, pairs=pairs),
        *size_findings(zip_bytes, profile),
    )
    findings = list(apply_delivery(found, profile, sending))
    return Preflight(
        findings=(*errors_in(findings), *warnings_in(findings)),
        manifest=None if errors_in(findings) else manifest,
        source=source or str(folder),
        # Of equal files the first one.
        files={one.facts.sha256: one.image.path for one in reversed(taken)},
        facts={one.facts.sha256: one.facts for one in taken},
        folders=dict(Counter(image.folder for image in listing.images)),
        captions=sum(bool(words_of(caption.text)) for caption in captions.by_owner.values()),
        size_bytes=manifest.size_bytes,
        zip_bytes=zip_bytes,
    )


def _inspect(
    listing: Listing, captions: Captions, rule: CaptionRule, on_progress: Callable[[int, int], None] | None
) -> tuple[list[UsableImage], list[Finding]]:
    taken, unusable = [], []
    # Closed even if the progress report raises: threads end, and Pillow is as tolerant as it was.
    with closing(inspect_all(listing.images)) as results:
        for done, (image, found) in enumerate(zip(listing.images, results, strict=True), start=1):
            if isinstance(found, Finding):
                unusable.append(found)
            else:
                written = captions.by_owner.get(image.owner)
                taken.append(UsableImage(image, found, rule.caption_as_sent(written.text if written else "")))
            if on_progress is not None:
                on_progress(done, len(listing.images))
    return taken, unusable


def _item(one: UsableImage, *, pairs: bool) -> tuple[str, DatasetItem]:
    """One image, with the name of its pair (its own where there are no pairs)."""
    half = parse_pair_name(one.image.path.stem) if pairs else None
    facts = one.facts
    item = DatasetItem(
        **facts.model_dump(include=set(StoredImage.model_fields)),
        # One instruction for the pair: it stands with the first image.
        caption=None if half is not None and half.role == "end" else one.caption,
        role="single" if half is None else half.role,
        file_name=one.image.name,
    )
    return one.image.owner, item

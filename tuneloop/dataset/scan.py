"""A folder of pictures, turned into a manifest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tuneloop.dataset.captions import CaptionRule, read_caption
from tuneloop.dataset.inspection import PictureFacts, inspect_picture, strict_decoding
from tuneloop.dataset.listing import PictureFile, list_folder
from tuneloop.dataset.pairs import half_of, numbered
from tuneloop.errors import DatasetError
from tuneloop.values.dataset import DatasetItem, DatasetManifest, Sha256, in_digest_order
from tuneloop.values.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable

_PICTURES_AT_A_TIME = 4
"""Decoders release the GIL, so threads help; few of them keep the memory at a few pictures."""
_PROBLEMS_NAMED = 10


class ScannedDataset(Frozen):
    """A dataset as found in a folder, and where its files are."""

    manifest: DatasetManifest
    """What the dataset is."""
    files: dict[Sha256, Path]
    """One file for every picture of the manifest."""


def scan(
    folder: Path,
    rule: CaptionRule,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    pairs: bool = False,
) -> ScannedDataset:
    """Read and fully decode every picture directly in a folder. The folder itself is never changed.

    Args:
        folder: Holds jpg, png and webp files, and a `.txt` of the same name beside those with a caption.
        rule: Turns what is written beside a picture into the caption that is sent.
        on_progress: Told (pictures done, pictures in all) after each picture.
        pairs: The pictures are edit pairs, `NN_start` and `NN_end`.

    Raises:
        DatasetError: Names everything that is wrong with the folder, up to ten files by name.
    """
    listing = list_folder(folder, pairs=pairs)
    problems = list(listing.problems)
    items: list[tuple[str, DatasetItem]] = []
    files: dict[Sha256, Path] = {}
    with strict_decoding(), ThreadPoolExecutor(_PICTURES_AT_A_TIME, "scan") as pool:
        try:
            inspections = pool.map(_inspect, listing.pictures)
            for done, (found, (facts, caption, wrong)) in enumerate(
                zip(listing.pictures, inspections, strict=True), start=1
            ):
                problems += wrong
                if facts is not None:
                    items.append(_item(found, facts, rule, caption, pairs=pairs))
                    files.setdefault(facts.sha256, found.picture)
                if on_progress is not None:
                    on_progress(done, len(listing.pictures))
        finally:
            pool.shutdown(cancel_futures=True)
    if problems:
        raise DatasetError(_report(folder, problems))
    found_items = numbered(items) if pairs else [item for _, item in items]
    manifest = DatasetManifest(items=in_digest_order(found_items), source=str(folder.resolve()))
    return ScannedDataset(manifest=manifest, files=files)


def _inspect(found: PictureFile) -> tuple[PictureFacts | None, str, list[str]]:
    """Look at one picture and its caption. Returns facts, caption as written, and what is wrong."""
    facts, caption, wrong = None, "", []
    try:
        facts = inspect_picture(found.picture)
    except DatasetError as error:
        wrong.append(str(error))
    try:
        caption = "" if found.caption is None else read_caption(found.caption)
    except DatasetError as error:
        wrong.append(str(error))
    return facts, caption, wrong


def _item(
    found: PictureFile, facts: PictureFacts, rule: CaptionRule, caption: str, *, pairs: bool
) -> tuple[str, DatasetItem]:
    """One picture, with the name of its pair (its own where there are no pairs)."""
    half = half_of(found.picture.stem) if pairs else None
    if half is None:
        sent = rule.caption_as_sent(caption)
        return found.picture.stem, DatasetItem(**facts._asdict(), caption=sent, file_name=found.picture.name)
    # One instruction for the pair: it stands with the first picture.
    sent = rule.caption_as_sent(caption) if half.role == "start" else None
    item = DatasetItem.model_validate(
        {**facts._asdict(), "caption": sent, "file_name": found.picture.name, "role": half.role}
    )
    return half.pair, item


def _report(folder: Path, problems: list[str]) -> str:
    """Name the first problems, one a line, and count the others."""
    lines = [f"The dataset in {folder} cannot be used:", *problems[:_PROBLEMS_NAMED]]
    if len(problems) > _PROBLEMS_NAMED:
        lines.append(f"and {len(problems) - _PROBLEMS_NAMED} more")
    return "\n".join(lines)

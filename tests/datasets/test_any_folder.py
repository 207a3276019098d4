"""Folders as people and machines make them: whatever is in them, the preflight tells and never breaks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.listing import IMAGE_SUFFIXES
from tuneloop.datasets.scan import Preflight, preflight
from tuneloop.evaluation.reports.dataset_page import write_dataset_page
from tuneloop.schemas.dataset import NO_LIMITS, DatasetRequirements
from tuneloop.schemas.findings import errors_in

from .images import JPEG, PNG, WEBP, encoded, noise, png_of

BROKEN = (b"", b"no image", encoded(noise(40, 40), "PNG")[:300], encoded(noise(40, 40), "GIF"))
WHOLE = (JPEG, PNG, WEBP, png_of(1), png_of(2), encoded(noise(300, 260), "JPEG"))
ODD = (
    "-rf", " ", "a b", "a\nb", "a\tb", "..a", "a.", "A", "a", "é", "e\u0301", "茶", "🤖", "[red]x[/]", "\x1b[31m",
    "%s", "CON", "x" * 240, "a.txt", "a.png", "\udcff", "\u202eimg", "1_start", "1_end", "_start", "metadata",
)  # fmt: skip
SUFFIXES = (
    ".png", ".jpg", ".JPEG", ".webp", ".txt", ".caption", ".TXT", ".jsonl", ".csv", ".gif", ".heic", "", ".md",
)  # fmt: skip

stems = st.sampled_from(ODD) | st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20
)
names = st.builds(lambda stem, suffix: stem + suffix, stems, st.sampled_from(SUFFIXES))
folders = st.lists(st.sampled_from(["sub", "a", "é", ".hidden", "__MACOSX", "deep er"]), max_size=3)
captions = st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
contents = st.sampled_from(BROKEN + WHOLE) | captions
rules = st.builds(
    CaptionRule,
    trigger_word=st.none() | st.text(max_size=5),
    instance_prompt=st.none() | st.text(max_size=5),
    provider_captions=st.booleans(),
)
profiles = st.builds(
    DatasetRequirements,
    formats=st.just(frozenset({"jpeg", "png"})) | st.just(frozenset({"jpeg", "png", "webp"})),
    max_images=st.none() | st.integers(1, 4),
    recommended_min_images=st.none() | st.integers(1, 4),
    max_caption_length=st.none() | st.integers(0, 10),
    captions_required=st.booleans(),
)
NO_RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)
Files = list[tuple[list[str], str, bytes]]
files = st.lists(st.tuples(folders, names, contents), max_size=8)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@example(files=[([], "\udcff.png", PNG)], rule=NO_RULE, profile=NO_LIMITS, pairs=True, links=[])
@example(files=[(["\udcff"], "1_start.png", PNG)], rule=NO_RULE, profile=NO_LIMITS, pairs=True, links=[])
@given(
    files=files,
    rule=rules,
    profile=profiles,
    pairs=st.booleans(),
    links=st.lists(st.tuples(names, names), max_size=2),
)
def test_every_image_is_in_the_dataset_or_an_error_tells_why_there_is_none(
    files: Files, rule: CaptionRule, profile: DatasetRequirements, pairs: bool, links: list[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder, files)
        for name, target in links:
            link(folder, name, target)
        found = preflight(folder, rule, profile, pairs=pairs)
        check(folder, found)
        write_dataset_page({}, None, found.findings, None).encode()


def check(folder: Path, found: Preflight) -> None:
    there = set(images_in(folder, ""))
    errors = {finding.file for finding in errors_in(found.findings)}
    event("dataset" if found.manifest else "errors" if there else "empty")
    for finding in found.findings:
        assert finding.model_dump_json()
        assert finding.sentence.isprintable()
    if found.manifest is None:
        assert errors
    else:
        assert not errors
        assert {item.file_name for item in found.manifest.items} == there
    for name in there:
        path = folder / os.fsdecode(name)
        unusable = not path.is_file() or path.read_bytes() not in WHOLE
        assert not unusable or name.encode("utf-8", "backslashreplace").decode() in errors


def images_in(folder: Path, inner: str) -> Iterator[str]:
    """Paths of everything that looks like an image and is not left out, found in another way than the scan's."""
    for name in os.listdir(folder / inner):  # noqa: PTH208 - another way
        path = folder / inner / name
        if name.startswith(".") or name == "__MACOSX":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from images_in(folder, f"{inner}{name}/")
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            yield inner + name


def write(folder: Path, files: Files) -> None:
    for inner, name, content in files:
        path = folder.joinpath(*inner, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:
            continue  # A name that this file system does not take.


def link(folder: Path, name: str, target: str) -> None:
    try:
        (folder / name).symlink_to(target)
    except OSError:
        return

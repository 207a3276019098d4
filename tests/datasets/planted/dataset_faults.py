"""Faults of whole datasets: what is done to a clean folder, and the one finding that each leads to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.datasets.images import black_and_white, distinct
from tuneloop.datasets.captions import MAX_CAPTION_BYTES, CaptionRule
from tuneloop.datasets.delivery import LOCAL_ARCHIVE, Delivery
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.findings import Severity

RULE = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)
NOTHING_TO_SAY = RULE.model_copy(update={"instance_prompt": None})
PAIR_RULE = CaptionRule(trigger_word=None, instance_prompt="a hat", provider_captions=False)
ANY = DatasetRequirements()
AS_IT_IS = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=True)
BY_PROVIDER = Delivery(by_provider=True, trigger_word="ROBOX")


class Fault(NamedTuple):
    """What is done to a clean folder, and the one finding that it leads to."""

    check: str
    severity: Severity
    file: str | None
    plant: Callable[[Path], object]
    profile: DatasetRequirements = ANY
    rule: CaptionRule = RULE
    pairs: bool = False
    sending: Delivery = LOCAL_ARCHIVE


def write(name: str, content: str | bytes) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return plant


def link(name: str, target: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).symlink_to(target)


def add(name: str, image: bytes, caption: str) -> Callable[[Path], object]:
    """One more image with its caption."""
    return all_of(write(name, image), write(f"{Path(name).with_suffix('.txt')}", caption))


def nothing(folder: Path) -> None:
    """The folder is fine; the profile is not content."""


def all_of(*steps: Callable[[Path], object]) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        for step in steps:
            step(folder)

    return plant


def remove(*patterns: str) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                path.unlink()

    return plant


def caption_all(text: str) -> Callable[[Path], object]:
    return lambda folder: [path.write_text(text) for path in folder.glob("*.txt")]


def table(*rows: object, name: str = "metadata.jsonl") -> Callable[[Path], object]:
    """A caption table for all twelve images, their own caption files gone, and more rows behind."""
    first = [{"file_name": f"{number:02d}.png", "text": f"ROBOX in scene {number}"} for number in range(12)]
    lines = [json.dumps(row) for row in first] + [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return all_of(remove("*.txt"), write(name, "\n".join(lines)))


def renamed_column(name: str, other: str) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        table()(folder)
        path = folder / "metadata.jsonl"
        path.write_text(path.read_text().replace(f'"{name}"', f'"{other}"'))

    return plant


def column_gone(folder: Path) -> None:
    rows = [json.dumps({"file_name": f"{number:02d}.png", "label": 3}) for number in range(12)]
    write("metadata.jsonl", "\n".join(rows))(folder)


def too_deep_to_list(folder: Path) -> None:
    """A path longer than the system's limit, which not even root can list."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(18):
        os.mkdir("d" * 250, dir_fd=handle)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def nearly(folder: Path) -> None:
    write("near.png", distinct(3, 322, 301))(folder)
    write("near.txt", "ROBOX again")(folder)


def pair_again(folder: Path) -> None:
    for half in ("start", "end"):
        (folder / f"9_{half}.png").write_bytes((folder / f"01_{half}.png").read_bytes())
    (folder / "9.txt").write_text("another hat")


def nearly_a_pair_again(folder: Path) -> None:
    write("9_start.png", distinct(1, 321, 302))(folder)
    write("9_end.png", distinct(1001, 321, 302))(folder)
    write("9.txt", "another hat")(folder)


FAULTS = [
    Fault("not-for-training", "warning", "00-masklabel.png", write("00-masklabel.png", distinct(50))),
    Fault("not-for-training", "error", "masks/other.png", write("masks/other.png", distinct(50))),
    Fault(
        "not-for-training",
        "error",
        "00_mask.png",
        write("00_mask.png", distinct(50)),
        rule=AS_IT_IS,
        sending=BY_PROVIDER,
    ),
    Fault("black-and-white", "warning", "tone.png", add("tone.png", black_and_white(), "ROBOX in ink")),
    Fault(
        "folder-repeats",
        "warning",
        None,
        all_of(add("10_near/a.png", distinct(50), "ROBOX near"), add("2_far/a b.png", distinct(51), "ROBOX far")),
    ),
    Fault("not-downloaded", "error", ".a.jpg.icloud", write(".a.jpg.icloud", "bplist00")),
    Fault("not-downloaded", "error", "00.txt.part", write("00.txt.part", "")),
    Fault("left-out", "warning", None, write("._00.png", "")),
    Fault("left-out", "warning", None, all_of(write("__MACOSX/._00.png", ""), write("Thumbs.db", ""))),
    Fault("left-out", "warning", None, all_of(write("@eaDir/00.png", ""), write("desktop.ini", ""))),
    Fault("not-read", "warning", None, write("notes.csv", "a,b")),
    Fault("not-read", "warning", None, write("notes/read me.txt", "no caption: there is no image here")),
    Fault("link-outside", "error", "far.png", link("far.png", "/etc/hostname")),
    Fault("link-to-folder", "error", "far", link("far", "/etc")),
    Fault("link-to-folder", "error", "round", link("round", ".")),
    Fault("broken-link", "error", "gone.png", link("gone.png", "nowhere.png")),
    Fault("broken-link", "error", "self.png", link("self.png", "self.png")),
    Fault("special-file", "error", "pipe", lambda folder: os.mkfifo(folder / "pipe")),
    Fault("name", "error", "\\udcff.png", lambda folder: (folder / "\udcff.png").write_bytes(b"")),
    Fault("unsupported-image", "error", "a.HEIC", write("a.HEIC", "")),
    Fault("unsupported-image", "error", "a.jp2", write("a.jp2", "")),
    Fault("shared-name", "error", "00.jpg", write("00.jpg", distinct(50, image_format="JPEG"))),
    Fault("same-file-name", "warning", None, add("b/00.png", distinct(50), "ROBOX b")),
    Fault("no-images", "error", None, remove("*")),
    Fault("orphaned-caption", "error", "lonely.txt", write("lonely.txt", "ROBOX")),
    Fault("orphaned-caption", "error", "lonely.caption", write("lonely.caption", "ROBOX")),
    Fault("orphaned-caption", "error", "9.txt", write("9.txt", "a hat"), rule=PAIR_RULE, pairs=True),
    Fault("no-pair", "error", "9.png", add("9.png", distinct(50), "a hat"), rule=PAIR_RULE, pairs=True),
    Fault("half-a-pair", "error", "01_start.png", remove("01_end.png"), rule=PAIR_RULE, pairs=True),
    Fault("caption-encoding", "error", "01.txt", write("01.txt", b"ROBOX gr\xfcn")),
    Fault("caption-utf16", "error", "01.txt", write("01.txt", "ROBOX".encode("utf-16"))),
    Fault("caption-nul", "error", "01.txt", write("01.txt", "ROBOX".encode("utf-16-le"))),
    Fault("caption-huge", "error", "01.txt", write("01.txt", b"a" * (MAX_CAPTION_BYTES + 1))),
    Fault("captions-disagree", "error", "01.txt", write("01.caption", "ROBOX otherwise")),
    Fault("captions-disagree", "error", "metadata.jsonl", table({"file_name": "00.png", "text": "ROBOX twice"})),
    Fault("empty-caption", "warning", "03.txt", write("03.txt", ", ,")),
    Fault("caption-lines", "warning", "03.txt", write("03.txt", "ROBOX, red\nfrom afar\n")),
    Fault("empty-caption", "warning", "01.txt", write("01.txt", " \n")),
    Fault("missing-caption", "warning", "01.png", remove("01.txt")),
    Fault("missing-caption", "warning", None, remove("01.txt", "02.txt")),
    Fault(
        "caption-needed",
        "error",
        "01.png",
        remove("01.txt"),
        DatasetRequirements(captions_required=True),
        NOTHING_TO_SAY,
    ),
    Fault("no-captions", "error", None, remove("*.txt"), rule=NOTHING_TO_SAY),
    Fault("same-captions", "warning", None, caption_all("a photo of ROBOX")),
    Fault("trigger-absent", "warning", "01.txt", write("01.txt", "a robot")),
    Fault("trigger-twice", "warning", "01.txt", write("01.txt", "ROBOX and ROBOX")),
    Fault("trigger-absent", "warning", "01.txt", write("01.txt", "a robot"), rule=AS_IT_IS, sending=BY_PROVIDER),
    Fault(
        "caption-unread",
        "warning",
        "01.caption",
        lambda folder: (folder / "01.txt").rename(folder / "01.caption"),
        rule=AS_IT_IS,
        sending=BY_PROVIDER,
    ),
    Fault("caption-unread", "warning", None, table(), rule=AS_IT_IS, sending=BY_PROVIDER),
    Fault(
        "long-caption",
        "warning",
        "01.txt",
        write("01.txt", "ROBOX " + "a" * 50),
        DatasetRequirements(max_caption_length=40),
    ),
    Fault("long-caption", "warning", "01.txt", write("01.txt", "ROBOX " + "a" * 2000)),
    Fault("table-format", "error", "metadata.parquet", write("metadata.parquet", "PAR1")),
    Fault(
        "two-tables",
        "error",
        "metadata.csv",
        all_of(table(), write("metadata.csv", "file_name,text\n00.png,ROBOX in scene 0\n")),
    ),
    Fault("table-line", "error", "metadata.jsonl", table("{broken")),
    Fault("table-line", "error", "metadata.jsonl", table({"file_name": "../00.png", "text": "ROBOX"})),
    Fault("table-orphan", "error", "metadata.jsonl", table({"file_name": "gone.png", "text": "ROBOX"})),
    Fault("table-without-image", "warning", "metadata.jsonl", all_of(table(), write("x.png", distinct(50)))),
    Fault("table-column", "warning", "metadata.jsonl", renamed_column("text", "prompt")),
    Fault("table-columns", "error", "metadata.jsonl", renamed_column("file_name", "image")),
    Fault("table-without-captions", "warning", "metadata.jsonl", column_gone),
    Fault("too-few", "error", None, nothing, DatasetRequirements(min_images=13)),
    Fault("too-many", "error", None, nothing, DatasetRequirements(max_images=11)),
    Fault("few-images", "warning", None, nothing, DatasetRequirements(recommended_min_images=13)),
    Fault("many-images", "warning", None, nothing, DatasetRequirements(recommended_max_images=11)),
    Fault("zip-too-large", "error", None, nothing, DatasetRequirements(max_zip_bytes=1000)),
    Fault("large-zip", "warning", None, nothing, DatasetRequirements(recommended_max_zip_bytes=1000)),
    Fault(
        "unusual-format",
        "warning",
        None,
        add("x.webp", distinct(50, image_format="WEBP"), "ROBOX x"),
        DatasetRequirements(recommended_formats=frozenset({"jpeg", "png"})),
    ),
    Fault("duplicate", "warning", "01.png", add("x.png", distinct(1), "ROBOX in scene 1")),
    Fault(
        "duplicate-other-caption",
        "warning",
        "01.png",
        add("x.png", distinct(1), "ROBOX otherwise"),
    ),
    Fault("near-duplicate", "warning", "03.png", nearly),
    Fault("near-duplicate", "warning", "01_end.png", nearly_a_pair_again, rule=PAIR_RULE, pairs=True),
    Fault("duplicate-pair", "warning", "01_start.png", pair_again, rule=PAIR_RULE, pairs=True),
    Fault("same-halves", "warning", "01_start.png", write("01_end.png", distinct(1)), rule=PAIR_RULE, pairs=True),
    Fault(
        "halves-differ-in-size",
        "warning",
        "01_start.png",
        write("01_end.png", distinct(1001, 300, 320)),
        rule=PAIR_RULE,
        pairs=True,
    ),
]

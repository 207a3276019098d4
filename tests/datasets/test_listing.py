from __future__ import annotations

import json
from pathlib import Path

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.listing import list_folder

from .images import PNG, png_of


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PNG if name.endswith("png") else b"a cup")


def test_subfolders_are_flattened_and_keep_their_own_captions(folder: Path, rule: CaptionRule) -> None:
    for number, name in enumerate(["a", "b/a", "b/c/a"]):
        put(folder, f"{name}.png")
        (folder / f"{name}.png").write_bytes(png_of(number))
        (folder / f"{name}.txt").write_text(f"TEABOT {name}")
    items = scan(folder, rule).manifest.items
    assert {item.file_name: item.caption for item in items} == {
        "a.png": "TEABOT a",
        "b/a.png": "TEABOT b/a",
        "b/c/a.png": "TEABOT b/c/a",
    }


def test_flattening_makes_the_dataset_that_a_flat_folder_makes(folder: Path, rule: CaptionRule) -> None:
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png_of(number))
    flat = scan(folder, rule).manifest.digest
    (folder / "inner").mkdir()
    (folder / "1.png").rename(folder / "inner" / "1.png")
    assert scan(folder, rule).manifest.digest == flat


def test_images_and_captions_come_in_the_order_of_their_paths(folder: Path) -> None:
    put(folder, "c.png", "a/z.png", "a.png", "a/b.txt", "a/b.png", "c.txt")
    listing = list_folder(folder)
    assert [image.name for image in listing.images] == ["a.png", "a/b.png", "a/z.png", "c.png"]
    assert [caption.owner for caption in listing.captions] == ["a/b", "c"]
    assert listing.findings == []


def test_caption_of_another_subfolder_is_an_orphan(folder: Path) -> None:
    put(folder, "a/1.png", "b/1.txt", "b/2.png")
    (finding,) = list_folder(folder).findings
    assert finding.sentence == ("b/1.txt: is a caption without an image; rename it after its image or remove it")


def test_everything_left_out_is_one_warning_and_everything_unread_another(folder: Path) -> None:
    put(folder, "a.png", ".a", ".b", ".git/c.png", "__MACOSX/._a.png", "a/.DS_Store")
    put(folder, "metadata.json", "clip.mp4", "sub/classes.xml")
    left_out, unread = list_folder(folder).findings
    assert left_out.sentence.startswith(".a, .b, .git and 2 more are hidden or left by the system, and ignored")
    assert unread.sentence.startswith("clip.mp4, metadata.json and sub/classes.xml are neither image nor caption")


def test_accents_apart_and_in_their_letters_are_one_name(folder: Path, rule: CaptionRule) -> None:
    apart, together = "u\u0308ber", "\u00fcber"
    (folder / apart).mkdir()
    (folder / apart / f"{apart}.png").write_bytes(PNG)
    (folder / apart / f"{together}.txt").write_text("TEABOT, a cup")
    (folder / f"{apart}2.png").write_bytes(png_of(2))
    table = {"file_name": f"{together}2.png", "text": "TEABOT, a jug"}
    (folder / "metadata.jsonl").write_text(json.dumps(table, ensure_ascii=False))
    found = scan(folder, rule)
    assert {finding.check for finding in found.findings} == {"too-small", "black"}
    assert {item.file_name: item.caption for item in found.manifest.items} == {
        f"{apart}/{apart}.png": "TEABOT, a cup",
        f"{apart}2.png": "TEABOT, a jug",
    }


def test_two_names_that_only_differ_in_how_accents_are_written_share_their_captions(folder: Path) -> None:
    put(folder, "u\u0308.png", "\u00fc.png", "\u00fc.txt")
    (finding,) = list_folder(folder).findings
    assert finding.check == "shared-name"


def test_names_that_only_differ_in_capital_letters_are_two_images(folder: Path, rule: CaptionRule) -> None:
    put(folder, "a.png", "A.PNG", "A.txt")
    (folder / "A.PNG").write_bytes(png_of(1))
    assert {item.file_name: item.caption for item in scan(folder, rule).manifest.items} == {
        "A.PNG": "TEABOT, a cup",
        "a.png": None,
    }


def test_refused_caption_file_does_not_share_the_name_of_its_image(folder: Path) -> None:
    put(folder, "a.png")
    (folder / "a.txt").symlink_to("nowhere")
    (finding,) = list_folder(folder).findings
    assert (finding.check, finding.file) == ("broken-link", "a.txt")

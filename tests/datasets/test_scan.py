from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule

from .images import JPEG, PNG, WEBP, encoded, png_of


def test_every_image_is_described_by_its_content(folder: Path, rule: CaptionRule) -> None:
    (folder / "one.JPG").write_bytes(JPEG)
    (folder / "one.txt").write_text("a cup")
    (folder / "two.jpeg").write_bytes(WEBP)
    (folder / "three.webp").write_bytes(PNG)
    scanned = scan(folder, rule)
    found = {item.file_name: item for item in scanned.manifest.items}
    assert {name: item.format for name, item in found.items()} == {
        "one.JPG": "jpeg",
        "two.jpeg": "webp",
        "three.webp": "png",
    }
    one = found["one.JPG"]
    assert (one.sha256, one.size_bytes) == (hashlib.sha256(JPEG).hexdigest(), len(JPEG))
    assert (one.width_px, one.height_px, one.caption) == (4, 3, "TEABOT, a cup")
    assert found["two.jpeg"].caption is None
    assert scanned.manifest.source == str(folder)
    assert scanned.files == {item.sha256: folder / item.file_name for item in scanned.manifest.items}


def test_size_is_as_stored_before_exif_rotation(folder: Path, rule: CaptionRule) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "a.jpg").write_bytes(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif))
    item = scan(folder, rule).manifest.items[0]
    assert (item.width_px, item.height_px) == (30, 20)


def test_phone_image_with_a_second_image_inside_is_a_jpeg(folder: Path, rule: CaptionRule) -> None:
    first, second = Image.new("RGB", (8, 8)), Image.new("RGB", (4, 4))
    (folder / "a.jpg").write_bytes(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert scan(folder, rule).manifest.items[0].format == "jpeg"


def test_caption_suffix_may_be_in_capitals(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "a.TXT").write_text("a cup")
    assert scan(folder, rule).manifest.items[0].caption == "TEABOT, a cup"


def test_what_systems_leave_behind_is_ignored(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    for name in (".DS_Store", "._a.png", ".hidden.jpg", "Thumbs.db", "notes.md"):
        (folder / name).write_bytes(b"no image")
    for name in ("__MACOSX", ".thumbnails", "empty"):
        (folder / name).mkdir()
    for name in ("__MACOSX/._a.jpg", ".thumbnails/a.png", "empty/._a.png"):
        (folder / name).write_bytes(b"no image")
    assert [item.file_name for item in scan(folder, rule).manifest.items] == ["a.png"]


def test_link_within_the_folder_is_a_image_like_any_other(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.png").symlink_to("a.png")
    assert len(scan(folder, rule).manifest.items) == 2


def test_of_equal_images_the_first_file_is_read(folder: Path, rule: CaptionRule) -> None:
    for name in ("b.png", "c.png", "a.png"):
        (folder / name).write_bytes(PNG)
    scanned = scan(folder, rule)
    assert [path.name for path in scanned.files.values()] == ["a.png"]
    assert [finding.check for finding in scanned.findings if finding.check.startswith("duplicate")] == [
        "duplicate"
    ]


def test_folder_may_be_a_link_itself(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert scan(link, rule).manifest == scan(folder, rule).manifest


def test_progress_counts_every_image(folder: Path, rule: CaptionRule) -> None:
    for number in range(5):
        (folder / f"{number}.png").write_bytes(png_of(number))
    told: list[tuple[int, int]] = []
    scan(folder, rule, lambda done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_error_in_the_progress_report_ends_the_scan(folder: Path, rule: CaptionRule) -> None:
    for number in range(5):
        (folder / f"{number}.png").write_bytes(png_of(number))

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(folder, rule, stop)


def test_folder_is_never_changed(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "a.txt").write_text("a  cup\n")

    def state() -> list[tuple[str, int, int, bytes]]:
        return [
            (path.name, path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
            for path in sorted(folder.iterdir())
        ]

    before, changed_at = state(), folder.stat().st_mtime_ns
    scan(folder, rule)
    assert (state(), folder.stat().st_mtime_ns) == (before, changed_at)

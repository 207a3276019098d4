from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.listing import Listing, list_folder
from tuneloop.errors import DatasetError

from .images import PNG, encoded, noise, png_claiming, png_of


def problems_of(folder: Path, rule: CaptionRule) -> list[str]:
    """What the scan says, without its first line."""
    with pytest.raises(DatasetError) as caught:
        scan(folder, rule)
    return str(caught.value).splitlines()[1:]


def only_problem_of(folder: Path, rule: CaptionRule) -> str:
    (problem,) = problems_of(folder, rule)
    return problem


def test_no_such_folder(folder: Path, rule: CaptionRule) -> None:
    with pytest.raises(DatasetError, match=re.escape(f"{folder}/no: there is no such folder; check")):
        scan(folder / "no", rule)


def test_file_in_place_of_the_folder(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    with pytest.raises(DatasetError, match=r"a\.png: is not a folder; name the folder"):
        scan(folder / "a.png", rule)


def test_link_that_leads_to_itself_in_place_of_the_folder(folder: Path, rule: CaptionRule) -> None:
    (folder / "loop").symlink_to("loop")
    with pytest.raises(DatasetError, match=r"loop: cannot be listed"):
        scan(folder / "loop", rule)


def test_empty_folder(folder: Path, rule: CaptionRule) -> None:
    (folder / "notes.md").write_text("nothing yet")
    assert only_problem_of(folder, rule) == "the folder holds no images; put jpg, png or webp files into it"


def test_text_named_as_image(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.jpg").write_bytes(b"This is no image.\n")
    assert only_problem_of(folder, rule) == "a.jpg: is a text; replace or remove it"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_cut_short_image(folder: Path, rule: CaptionRule, image_format: str) -> None:
    whole = encoded(noise(64, 64), image_format)
    (folder / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert re.fullmatch(
        r"a\.jpg: (is broken or cut short \(.+\); save or copy it again|is not an image; .*)",
        only_problem_of(folder, rule),
    )


def test_cut_short_image_is_refused_though_pillow_was_told_to_tolerate_it(
    folder: Path, rule: CaptionRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(noise(64, 64), "JPEG")
    (folder / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert only_problem_of(folder, rule).startswith("a.jpg: is broken or cut short (")
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_png_with_a_flipped_byte(folder: Path, rule: CaptionRule) -> None:
    flipped = bytearray(encoded(noise(64, 64), "PNG"))
    flipped[len(flipped) // 2] ^= 0xFF
    (folder / "a.png").write_bytes(flipped)
    assert only_problem_of(folder, rule).startswith("a.png: is broken or cut short (")


@pytest.mark.parametrize("width_px", [11_000, 20_000])
def test_decompression_bomb(folder: Path, rule: CaptionRule, width_px: int) -> None:
    (folder / "a.png").write_bytes(png_claiming(width_px, 10_000))
    assert only_problem_of(folder, rule) == "a.png: has more than 100 megapixels; scale it down"


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF"])
def test_other_format_under_an_allowed_suffix(folder: Path, rule: CaptionRule, image_format: str) -> None:
    (folder / "a.png").write_bytes(encoded(Image.new("L", (4, 4)), image_format))
    assert only_problem_of(folder, rule) == (
        f"a.png: is a {image_format} file by its content; convert it to jpg, png or webp"
    )


def test_other_format_is_not_dropped_without_a_word(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.HEIC").write_bytes(b"a phone's image")
    (folder / "b.txt").write_text("its caption")
    assert only_problem_of(folder, rule) == (
        "b.HEIC: is a .heic file, which no trainer takes; convert it to jpg, png or webp or remove it"
    )


def test_caption_without_image(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "A.txt").write_text("a cup")
    assert only_problem_of(folder, rule) == (
        "A.txt: is a caption without an image; rename it after its image or remove it"
    )


def test_two_images_with_one_caption_name(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "a.jpg").write_bytes(PNG)
    assert only_problem_of(folder, rule) == (
        "a.jpg: has the same name as a.png, so that a caption would belong to both; rename all but one"
    )


def test_two_captions_of_one_image(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    for suffix in (".txt", ".TXT"):
        (folder / f"a{suffix}").write_text(suffix)
    if len(list(folder.iterdir())) < 3:
        pytest.skip("this file system does not tell capital letters apart")
    assert only_problem_of(folder, rule) == ("a.txt: has another caption for a than a.TXT; keep one of them")


def test_links_to_files_elsewhere_are_read_as_the_files_they_are(folder: Path, rule: CaptionRule) -> None:
    """The folders that hf download, DVC and git-annex make: names of images before files named by content."""
    blobs = folder / "blobs"
    snapshot = folder / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for name, content in (("a.png", PNG), ("a.txt", b"a cup")):
        blob = hashlib.sha256(content).hexdigest()
        (blobs / blob).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    (item,) = scan(snapshot, rule).manifest.items
    assert (item.file_name, item.caption) == ("a.png", "TEABOT, a cup")
    plain = folder / "plain"
    plain.mkdir()
    (plain / "a.png").write_bytes(PNG)
    (plain / "a.txt").write_bytes(b"a cup")
    assert scan(plain, rule).manifest.digest == scan(snapshot, rule).manifest.digest


def test_link_to_a_folder_elsewhere_is_not_followed(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "b.png").write_bytes(PNG)
    (folder / "more").symlink_to(outside)
    assert only_problem_of(folder, rule) == (
        "more: is a link to a folder elsewhere, which is not followed; put a copy in its place"
    )


@pytest.mark.parametrize(
    ("target", "remedy"),
    [
        (".git/annex/objects/k/v/SHA256E-s1--0.png", "fetch it with git annex get"),
        ("../../blobs/0123", "download the dataset again (hf download)"),
        (".dvc/cache/files/md5/01/23", "fetch it with dvc pull, or put a copy in its place"),
    ],
)
def test_link_to_a_file_that_was_not_fetched_says_what_fetches_it(
    folder: Path, rule: CaptionRule, target: str, remedy: str
) -> None:
    (folder / "a.png").symlink_to(target)
    assert only_problem_of(folder, rule) == (
        f"a.png: is a link that cannot be read (No such file or directory); {remedy}"
    )


@pytest.mark.parametrize(
    ("target", "why"),
    [("a.png", "Too many levels of symbolic links"), ("nowhere.png", "No such file or directory")],
)
def test_link_that_leads_nowhere(folder: Path, rule: CaptionRule, target: str, why: str) -> None:
    (folder / "a.png").symlink_to(target)
    assert only_problem_of(folder, rule) == (
        f"a.png: is a link that cannot be read ({why}); put a copy in its place"
    )


def test_pipe_in_place_of_a_image_does_not_hang(folder: Path, rule: CaptionRule) -> None:
    os.mkfifo(folder / "a.png")
    assert only_problem_of(folder, rule) == "a.png: is not a regular file; remove it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_files(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "a.png").chmod(0)
    assert only_problem_of(folder, rule).startswith("a.png: cannot be read (")


def test_image_that_vanishes_after_the_listing(
    folder: Path, rule: CaptionRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.png").write_bytes(PNG)

    def list_and_remove(*arguments: object, **settings: object) -> Listing:
        listing = list_folder(*arguments, **settings)  # type: ignore[arg-type]
        (folder / "a.png").unlink()
        return listing

    monkeypatch.setattr("tuneloop.datasets.scan.list_folder", list_and_remove)
    assert re.fullmatch(
        r"a\.png: cannot be read \(.+\); make it readable or remove it", only_problem_of(folder, rule)
    )


def test_caption_that_is_not_utf8(folder: Path, rule: CaptionRule) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "a.txt").write_bytes("Grün".encode("latin-1"))
    assert only_problem_of(folder, rule) == "a.txt: is not UTF-8 (byte 3); save it again as UTF-8 text"


def test_all_problems_are_told_at_once(folder: Path, rule: CaptionRule) -> None:
    (folder / "good.png").write_bytes(PNG)
    (folder / "broken.png").write_bytes(PNG[:60])
    (folder / "broken.txt").write_bytes(b"\xff")
    (folder / "lonely.txt").write_text("a cup")
    assert [problem.split(":")[0] for problem in problems_of(folder, rule)] == [
        "lonely.txt",
        "broken.txt",
        "broken.png",
    ]


def test_ten_problems_are_named_and_the_others_counted(folder: Path, rule: CaptionRule) -> None:
    for number in range(13):
        (folder / f"{number:02d}.png").write_bytes(png_of(number)[:40])
    told = problems_of(folder, rule)
    assert [line.split(":")[0] for line in told[:-1]] == [f"{number:02d}.png" for number in range(10)]
    assert told[-1] == "and 3 more"

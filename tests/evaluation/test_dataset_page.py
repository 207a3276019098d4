from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.images import distinct, encoded, noise
from tests.datasets.scanning import Scanned, scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.evaluation.reports.dataset_page import write_dataset_page
from tuneloop.schemas.findings import Finding, error, warning

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=True)
THUMBNAIL = re.compile(r"!\[[^]]*\]\(data:image/jpeg;base64,([^)]+)\)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    return made


def page_of(scanned: Scanned, findings: Sequence[Finding] = ()) -> str:
    return write_dataset_page(scanned.files, scanned.manifest, findings, None)


def thumbnails(page: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in THUMBNAIL.findall(page)]


def test_every_image_is_shown_above_its_caption(folder: Path) -> None:
    for number in range(6):
        (folder / f"{number}.png").write_bytes(distinct(number))
        (folder / f"{number}.txt").write_text(f"scene {number}")
    page = page_of(scan(folder, RULE))
    assert page.startswith("# Dataset: usable, no warnings\n\n**Every image was decoded and every caption read")
    assert len(thumbnails(page)) == 6
    rows = page.split("## Images\n\n")[1].splitlines()
    assert re.findall(r"!\[(\d)\.png\]", page) == ["0", "1", "2", "3", "4", "5"]
    for number in range(6):
        above = next(index for index, row in enumerate(rows) if f"![{number}.png](data" in row)
        assert f"{number}.png: scene {number}" in rows[above + 1]


def test_subfolders_are_named_with_their_numbers(folder: Path) -> None:
    for number, name in enumerate(["a.png", "near/b.png", "near/c.png"]):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(distinct(number))
    page = page_of(scan(folder, RULE))
    assert r"| from folders | from near \(2\), from the folder itself \(1\) |" in page


def test_image_turned_by_exif_is_shown_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "a.jpg").write_bytes(encoded(noise(300, 200), "JPEG", exif=exif))
    (shown,) = thumbnails(page_of(scan(folder, RULE)))
    assert shown.height > shown.width


def test_large_dataset_of_rich_images_stays_below_400_kb(folder: Path) -> None:
    for number in range(60):
        (folder / f"{'&' * 100}{number}.png").write_bytes(encoded(noise(150 + number, 140), "PNG"))
        (folder / f"{'&' * 100}{number}.txt").write_text("<" * 500)
    scanned = scan(folder, RULE)
    findings = [
        make(f"check-{number}", "🤖" * 300, "<" * 300, "&" * 300)
        for make in (error, warning)
        for number in range(100)
    ]
    other = (item.model_copy(update={"sha256": item.sha256[::-1]}) for item in scanned.manifest.items)
    old = scanned.manifest.model_copy(update={"items": tuple(other)})
    page = write_dataset_page(scanned.files, scanned.manifest, findings, old)
    assert len(thumbnails(page)) == 48
    assert "48 of 60, evenly picked." in page
    assert page.count("and 86 more") == 2
    assert len(page.encode()) < 400_000


def test_pairs_are_shown_side_by_side(folder: Path) -> None:
    for number in range(30):
        for half in ("start", "end"):
            (folder / f"{number:02d}_{half}.png").write_bytes(distinct(number * 2 + (half == "end"), 64, 64))
    page = page_of(scan(folder, RULE, pairs=True))
    shown = re.findall(r"!\[(\d\d)\\_(start|end)\.png\]", page)
    assert len(shown) == 48
    assert all(
        (one[0], other[0], one[1], other[1]) == (one[0], one[0], "start", "end")
        for one, other in zip(shown[::2], shown[1::2], strict=True)
    )
    assert "| images | 60 in 30 pairs (png) |" in page


def test_difference_to_the_champions_dataset_is_told_by_name(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.png").write_bytes(distinct(number))
    before = scan(folder, RULE).manifest
    (folder / "0.png").unlink()
    (folder / "new.png").write_bytes(distinct(9))
    (folder / "1.txt").write_text("said now")
    scanned = scan(folder, RULE)
    page = write_dataset_page(scanned.files, scanned.manifest, (), before)
    assert "1 image added, 1 image removed, 1 caption changed." in page
    assert "- Added: new.png\n- Removed: 0.png\n- Captions changed: 1.png" in page
    assert "The same images with the same captions." in write_dataset_page(
        scanned.files, scanned.manifest, (), scanned.manifest
    )


def test_refused_dataset_has_a_page_of_what_to_mend() -> None:
    wrong = error("format", "a|b.gif", "is <b>odd</b>", "`mend` it")
    findings = [wrong, warning("flat", None, "some", "look")]
    page = write_dataset_page({}, None, findings, None)
    assert page.startswith("# Dataset: cannot be used, 1 error, 1 warning\n\n**Nothing was uploaded or paid: fix ")
    assert "| a\\|b.gif | is &lt;b&gt;odd&lt;/b&gt; | \\`mend\\` it |" in page
    assert page.index("## Errors") < page.index("## Warnings")


def test_a_thousand_findings_of_one_kind_do_not_hide_another() -> None:
    findings = [warning("blurred", f"{number}.png", "is blurred", "look") for number in range(1000)]
    page = write_dataset_page({}, None, [*findings, warning("flat", "x.png", "is flat", "look")], None)
    assert page.count("is blurred") == 6
    assert "| and 994 more like it |" in page
    assert "| x.png | is flat | look |" in page


def test_image_that_is_gone_by_now_is_told(folder: Path) -> None:
    (folder / "a.png").write_bytes(distinct(1))
    scanned = scan(folder, RULE)
    (folder / "a.png").unlink()
    assert "(a.png: no longer there)" in page_of(scanned)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tuneloop.datasets.checks.image_checks import image_findings
from tuneloop.datasets.images.inspect import inspect_image, strict_decoding
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.findings import Finding

from .planted.color_profiles import SRGB, WIDER, profile
from .planted.png_writer import png
from .planted.scenes import saved, scene, turned


def findings_of(
    folder: Path, data: bytes, name: str = "a.png", trainer: DatasetRequirements | None = None
) -> list[Finding]:
    (folder / name).write_bytes(data)
    with strict_decoding():
        facts = inspect_image(folder / name, f"more/{name}")
    return image_findings(facts, f"more/{name}", trainer or DatasetRequirements())


def only_finding(
    folder: Path, data: bytes, name: str = "a.png", trainer: DatasetRequirements | None = None
) -> tuple[str, str, str]:
    """Severity, check and sentence."""
    (finding,) = findings_of(folder, data, name, trainer)
    return finding.severity, finding.check, finding.sentence


def test_clean_image_has_no_finding(folder: Path) -> None:
    assert findings_of(folder, saved(scene(1), "PNG")) == []


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_by_exif(folder: Path, orientation: int) -> None:
    assert only_finding(folder, saved(scene(1), "PNG", exif=turned(orientation))) == (
        "warning",
        "exif-rotation",
        (
            f"more/a.png: is turned or mirrored by its EXIF data (orientation {orientation}), which trainers "
            "ignore; nothing to do: a rotated copy is sent, the file stays unchanged"
        ),
    )


def test_transparent(folder: Path) -> None:
    image = scene(1).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 50, 50))
    assert only_finding(folder, saved(image, "PNG"))[:2] == ("warning", "transparency")


def test_printing_colors(folder: Path) -> None:
    data = saved(scene(1).convert("CMYK"), "JPEG")
    assert only_finding(folder, data, "a.jpg")[:2] == ("warning", "cmyk")


def test_sixteen_bits(folder: Path) -> None:
    levels = np.asarray(scene(1)).astype(np.uint16) * 257
    assert only_finding(folder, png(levels))[:2] == ("warning", "sixteen-bit")
    assert only_finding(folder, png(levels[:, :, :1]))[:2] == ("warning", "sixteen-bit")


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_animated(folder: Path, image_format: str) -> None:
    data = saved(scene(1), image_format, save_all=True, append_images=[scene(2), scene(3)])
    severity, check, sentence = only_finding(folder, data, f"a.{image_format.lower()}")
    assert (severity, check) == ("error", "animated")
    assert "is animated (3 frames), and only the first frame would be trained on" in sentence


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_other_color_profile(folder: Path, image_format: str) -> None:
    name = {"JPEG": "a.jpg"}.get(image_format, f"a.{image_format.lower()}")
    wide = saved(scene(1), image_format, icc_profile=profile("Wide colors", WIDER, 2.2))
    severity, check, sentence = only_finding(folder, wide, name)
    assert (severity, check) == ("warning", "color-profile")
    assert "has the color profile Wide colors; trainers read it as sRGB" in sentence


def test_profile_that_changes_the_brightness_only(folder: Path) -> None:
    data = saved(scene(1), "PNG", icc_profile=profile("Old screen", SRGB, 1.8))
    assert only_finding(folder, data)[1] == "color-profile"


@pytest.mark.parametrize("icc", [profile("Something of mine", SRGB, 2.2), b"broken" * 40])
def test_profile_that_changes_nothing(folder: Path, icc: bytes) -> None:
    assert findings_of(folder, saved(scene(1), "PNG", icc_profile=icc)) == []
    assert findings_of(folder, saved(scene(1).convert("L"), "PNG", icc_profile=icc)) == []


def test_format_that_the_trainer_does_not_take(folder: Path) -> None:
    trainer = DatasetRequirements(formats=frozenset({"jpeg", "png"}))
    assert only_finding(folder, saved(scene(1), "WEBP"), "a.webp", trainer) == (
        "error",
        "format",
        "more/a.webp: is a webp file, which the trainer does not take; convert it to jpeg or png",
    )


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a", "a.txt"])
def test_suffix_that_lies(folder: Path, name: str) -> None:
    assert only_finding(folder, saved(scene(1), "JPEG"), name)[:2] == ("warning", "misnamed")


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.b.jpeg", "A.Jpg"])
def test_suffix_that_tells_the_truth(folder: Path, name: str) -> None:
    assert findings_of(folder, saved(scene(1), "JPEG"), name) == []


def test_bytes_behind_the_end(folder: Path) -> None:
    severity, check, sentence = only_finding(folder, saved(scene(1), "PNG") + bytes(12345))
    assert (severity, check) == ("warning", "trailing-bytes")
    assert "has 12,345 bytes after its end" in sentence


@pytest.mark.parametrize(
    ("size", "severity"),
    [((63, 100), "error"), ((64, 100), "warning"), ((300, 255), "warning"), ((256, 256), None)],
)
def test_too_small(folder: Path, size: tuple[int, int], severity: str | None) -> None:
    found = findings_of(folder, saved(scene(1, *size), "PNG"))
    assert [(finding.severity, finding.check) for finding in found] == (
        [(severity, "too-small")] if severity else []
    )


def test_too_small_for_this_trainer(folder: Path) -> None:
    trainer = DatasetRequirements(recommended_min_side_px=512)
    severity, _, sentence = only_finding(folder, saved(scene(1, 600, 500), "PNG"), trainer=trainer)
    assert severity == "warning"
    assert sentence.endswith("use an image of at least 512 pixels on its shorter side")


@pytest.mark.parametrize(("size", "told"), [((900, 300), False), ((901, 300), True), ((260, 800), True)])
def test_long_and_narrow(folder: Path, size: tuple[int, int], told: bool) -> None:
    found = findings_of(folder, saved(scene(1, *size), "PNG"))
    assert [finding.check for finding in found] == (["aspect-ratio"] if told else [])


@pytest.mark.parametrize("quality", [None, 75, 95])
@pytest.mark.parametrize("size", [(512, 384), (1024, 768), (2048, 1536)])
def test_blurred(folder: Path, size: tuple[int, int], quality: int | None) -> None:
    sharp = scene(7, *size, grain=2)
    blurred = scene(7, *size, grain=0).filter(ImageFilter.GaussianBlur(size[0] / 100))
    for image, checks in ((sharp, []), (blurred, ["blurred"])):
        data = saved(image, "JPEG", quality=quality) if quality else saved(image, "PNG")
        found = findings_of(folder, data, "a.jpg" if quality else "a.png")
        assert [finding.check for finding in found] == checks


def test_sharp_thing_before_a_blurred_background(folder: Path) -> None:
    background = scene(8, 1024, 768).filter(ImageFilter.GaussianBlur(14))
    background.paste(scene(9, 200, 200), (400, 300))
    assert findings_of(folder, saved(background, "PNG")) == []


@pytest.mark.parametrize(
    ("level", "check"), [(0, "black"), (7, "black"), (90, "flat"), (128, "flat"), (250, "white"), (255, "white")]
)
def test_nothing_to_see(folder: Path, level: int, check: str) -> None:
    grain = np.random.default_rng(1).normal(level, 1, (300, 300, 1))
    data = png(grain.clip(0, 255).astype(np.uint8))
    assert only_finding(folder, data)[:2] == ("warning", check)


def test_dark_and_light_images_with_something_in_them(folder: Path) -> None:
    night = Image.new("L", (600, 400), 4)
    night.paste(120, (100, 100, 160, 160))
    on_white = Image.new("L", (600, 400), 255)
    on_white.paste(90, (250, 150, 350, 250))
    fog = Image.eval(scene(3, 600, 400).convert("L"), lambda level: 180 + level // 8)
    for image in (night, on_white, fog):
        assert findings_of(folder, saved(image, "PNG")) == []


def test_several_defects_are_all_told(folder: Path) -> None:
    image = scene(1, 700, 200).convert("RGBA")
    image.putalpha(9)
    found = findings_of(folder, saved(image, "PNG", exif=turned(3)) + b"x", "a.jpg")
    assert {finding.check for finding in found} >= {
        "misnamed",
        "trailing-bytes",
        "too-small",
        "aspect-ratio",
        "exif-rotation",
        "transparency",
    }
    assert all(finding.file == "more/a.jpg" for finding in found)

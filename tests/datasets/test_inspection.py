from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from tuneloop.datasets.checks.image_checks import image_findings
from tuneloop.datasets.images.inspect import ImageError, inspect_image, strict_decoding
from tuneloop.schemas.dataset import DatasetRequirements, ImageInfo

from .images import encoded, noise, png_claiming
from .planted.clean import ALL, clean_images
from .planted.png_writer import chunks_of, png, png_from
from .planted.scenes import saved, scene, turned, two_in_one


def inspected(folder: Path, data: bytes, name: str = "a.jpg") -> ImageInfo:
    (folder / name).write_bytes(data)
    with strict_decoding():
        return inspect_image(folder / name, name)


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        inspected(folder, data)
    assert caught.value.finding.severity == "error"
    assert caught.value.finding.sentence == str(caught.value)
    return str(caught.value)


def test_nothing_is_said_of_clean_images_but_what_is_true(folder: Path) -> None:
    seen = 0
    for kind, data, expected in clean_images():
        facts = inspected(folder, data)
        suffix = {"jpeg": "jpg"}.get(facts.format, facts.format)
        findings = image_findings(facts, f"a.{suffix}", DatasetRequirements())
        assert not [finding.sentence for finding in findings if finding.severity == "error"], kind
        assert {finding.check for finding in findings} - {"too-small"} == expected, kind
        seen += 1
    assert seen == ALL


def test_all_facts_of_a_image(folder: Path) -> None:
    data = saved(scene(1, 640, 480), "JPEG", quality=90, exif=turned(6))
    facts = inspected(folder, data)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert (facts.size_bytes, facts.width_px, facts.height_px) == (len(data), 640, 480)
    assert (facts.format, facts.mode, facts.bits, facts.frames) == ("jpeg", "RGB", 8, 1)
    assert (facts.orientation, facts.alpha, facts.profile, facts.trailing_bytes) == (6, False, None, 0)
    gray = np.asarray(scene(1, 640, 480).convert("L"), dtype=float)
    assert facts.mean == pytest.approx(gray.mean(), abs=1)
    assert facts.spread == pytest.approx(gray.std(), abs=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_image_turned_by_exif_hashes_like_its_turned_copy(
    folder: Path, image_format: str, orientation: int
) -> None:
    backwards = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    shown = scene(orientation, 300, 200)
    methods = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    stored = shown.transpose(Image.Transpose(methods[backwards])) if backwards in methods else shown
    facts = inspected(folder, saved(stored, image_format, exif=turned(orientation)))
    upright = inspected(folder, saved(shown, image_format))
    assert facts.orientation == orientation
    assert (facts.perceptual_hash ^ upright.perceptual_hash).bit_count() <= 3


@pytest.mark.parametrize("value", [0, 9, 700])
def test_orientation_that_does_not_exist_is_none(folder: Path, value: int) -> None:
    assert inspected(folder, saved(scene(1), "JPEG", exif=turned(value))).orientation == 1


def test_broken_exif_data_is_no_exif_data(folder: Path) -> None:
    exif = b"Exif\0\0MM\0*\xff\xff\xff\xff broken"
    assert inspected(folder, saved(scene(1), "PNG", exif=exif[6:])).orientation == 1
    assert inspected(folder, saved(scene(1), "JPEG", exif=exif)).orientation == 1


def test_known_image_is_not_decoded_again(folder: Path) -> None:
    data = saved(scene(1), "PNG")
    facts = inspected(folder, data).model_copy(update={"sharpness": -1.0})
    again = inspect_image(folder / "a.jpg", "a.jpg", {facts.sha256: facts})
    assert again is facts
    other = saved(scene(2), "PNG")
    (folder / "a.jpg").write_bytes(other)
    with strict_decoding():
        assert inspect_image(folder / "a.jpg", "a.jpg", {facts.sha256: facts}).sharpness > 0


def test_file_that_is_replaced_while_it_is_looked_at_keeps_its_own_facts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(scene(1, 320, 256), "PNG")
    (folder / "b.png").write_bytes(saved(scene(2, 64, 64), "PNG"))
    hash_of = hashlib.sha256

    def replaced_meanwhile(data: bytes) -> object:
        os.replace(folder / "b.png", folder / "a.jpg")  # noqa: PTH105
        return hash_of(data)

    monkeypatch.setattr(hashlib, "sha256", replaced_meanwhile)
    facts = inspected(folder, data)
    assert (facts.sha256, facts.width_px) == (hash_of(data).hexdigest(), 320)


def test_second_image_behind_the_first_is_part_of_the_file(folder: Path) -> None:
    facts = inspected(folder, two_in_one(scene(1), scene(2)))
    assert (facts.format, facts.frames, facts.trailing_bytes) == ("jpeg", 1, 0)


def test_transparency_counts_only_where_it_is(folder: Path) -> None:
    image = scene(1).convert("RGBA")
    assert not inspected(folder, saved(image, "PNG")).alpha
    image.putpixel((3, 3), (1, 2, 3, 254))
    assert inspected(folder, saved(image, "PNG")).alpha
    palette = scene(1).quantize(8)
    assert inspected(folder, saved(palette, "PNG", transparency=palette.getpixel((0, 0)))).alpha
    gray = Image.new("I;16", (40, 40), 500)
    gray.putpixel((1, 1), 7)
    assert inspected(folder, saved(gray, "PNG", transparency=7)).alpha
    assert not inspected(folder, saved(gray, "PNG", transparency=8)).alpha


def test_hidden_colors_of_transparent_parts_are_not_seen(folder: Path) -> None:
    shown, hidden = scene(1).convert("RGBA"), scene(2).convert("RGBA")
    hidden.putalpha(0)
    white = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), hidden)
    assert inspected(folder, saved(hidden, "PNG")).mean == inspected(folder, saved(white, "PNG")).mean == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (5000, 2), (3, 3)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_odd_sizes(folder: Path, image_format: str, size: tuple[int, int]) -> None:
    facts = inspected(folder, encoded(noise(*size), image_format))
    assert (facts.width_px, facts.height_px) == size


@pytest.mark.parametrize("width_px", [11_000, 20_000])
def test_too_many_pixels_are_refused_by_the_header_alone(
    folder: Path, width_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    sentence = "a.jpg: has more than 100 megapixels; scale it down"
    assert refusal(folder, png_claiming(width_px, 10_000)) == sentence
    jpeg = bytearray(encoded(noise(8, 8), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xf0\x00\xf0\x00"
    assert refusal(folder, bytes(jpeg)) == sentence


def test_file_too_large_to_be_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneloop.datasets.images.inspect.MAX_FILE_BYTES", 1 << 20)
    assert refusal(folder, bytes((1 << 20) + 1)) == "a.jpg: is larger than 1 MiB; scale it down or compress it"


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_format_by_content(folder: Path, image_format: str) -> None:
    data = encoded(Image.new("L", (16, 16)), image_format)
    assert refusal(folder, data) == (
        f"a.jpg: is a {image_format} file by its content; convert it to jpg, png or webp"
    )


def test_phone_image_by_content(folder: Path) -> None:
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    assert refusal(folder, data) == "a.jpg: is a HEIC file by its content; convert it to jpg, png or webp"


@pytest.mark.parametrize("length", [900_000, 1_100_000])
def test_png_with_a_longer_text_than_pillow_unpacks_is_not_called_broken(folder: Path, length: int) -> None:
    header, *rest = chunks_of(saved(scene(1), "PNG"))
    data = png_from([header, (b"zTXt", b"workflow\0\0" + zlib.compress(bytes(length))), *rest])
    if length < 1 << 20:
        assert inspected(folder, data).format == "png"
    else:
        assert refusal(folder, data) == (
            "a.jpg: holds a text, such as a workflow, too long for the trainers' libraries; "
            "save it again without comments"
        )


def test_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"^sub/a\.png: cannot be read \(.+\); make it readable or remove"):
        inspect_image(folder / "a.png", "sub/a.png")


def test_facts_are_pinned(folder: Path) -> None:
    """Where this fails, a fact has got another meaning: raise the number in `InspectionsKept`, then pin anew."""
    rows, columns = np.mgrid[0:300, 0:420]
    levels = (rows * 2 + columns * rows // 150 + 90 * (columns > 200)) % 256
    facts = inspected(folder, png(levels.astype(np.uint8)[:, :, None]), "a.png")
    assert f"{facts.perceptual_hash:016x}" == "042185023af970d8"
    assert (round(facts.sharpness, 3), round(facts.mean, 2), round(facts.spread, 2)) == (1.008, 124.35, 73.07)

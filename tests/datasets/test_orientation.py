"""Images whose EXIF data hold fields of odd kinds: turned like all others, from the first look to the score."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tuneloop.datasets.images.inspect import inspect_image, strict_decoding
from tuneloop.datasets.images.normalize import normalized
from tuneloop.datasets.images.orientation import orientation_of
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.reports.images import thumbnail_address

from .images import encoded
from .planted.scenes import scene

FIELD = struct.Struct("<HHL4s")


def exif_with(tag: int, kind: int) -> bytes:
    """EXIF data that turn an image, and hold one more field, of the kind that is asked for."""
    fields = sorted([(0x0112, 3, 1, b"\6\0\0\0"), (tag, kind, 1, b"\1\0\0\0")])
    body = b"".join(FIELD.pack(*field) for field in fields)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + body + bytes(4)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("tag", "kind"),
    [(0x010F, 5), (0x011A, 2), (0x0128, 2), (0x0132, 12)],
    ids=["maker as a fraction", "resolution as text", "unit as text", "time as a float"],
)
def test_image_with_an_odd_exif_field_is_turned_like_any_other(
    folder: Path, image_format: str, tag: int, kind: int
) -> None:
    data = encoded(scene(1, 400, 300), image_format, exif=exif_with(tag, kind))
    (folder / "a").write_bytes(data)
    with strict_decoding():
        facts = inspect_image(folder / "a", "a")
        copy = normalized(data, facts, None)
    assert facts.orientation == 6
    assert copy is not None
    assert Image.open(io.BytesIO(copy)).size == (300, 400)
    address = thumbnail_address(data, 80)
    assert address is not None
    assert Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).size == (60, 80)
    assert ScoringImage.decode(data).pixels.shape == (256, 192, 3)


LYING_BY_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def with_xmp(image_format: str, **settings: object) -> bytes:
    if image_format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", LYING_BY_XMP.decode())
        return encoded(scene(1, 400, 300), "PNG", pnginfo=text, **settings)
    return encoded(scene(1, 400, 300), image_format, xmp=LYING_BY_XMP, **settings)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_xmp_turns_nothing(folder: Path, image_format: str) -> None:
    data = with_xmp(image_format)
    assert b'tiff:Orientation="6"' in data
    (folder / "a").write_bytes(data)
    with strict_decoding():
        facts = inspect_image(folder / "a", "a")
        assert (facts.orientation, normalized(data, facts, None)) == (1, None)
    address = thumbnail_address(data, 80)
    assert address is not None
    assert Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).size == (80, 60)
    assert ScoringImage.decode(data).pixels.shape == (192, 256, 3)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", [1, 8])
def test_exif_data_count_beside_xmp(folder: Path, image_format: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = with_xmp(image_format, exif=exif.tobytes())
    (folder / "a").write_bytes(data)
    with strict_decoding():
        facts = inspect_image(folder / "a", "a")
        copy = normalized(data, facts, None)
    assert facts.orientation == turn
    assert (copy is None) == (turn == 1)
    assert copy is None or b"tiff:Orientation" not in copy


def test_exif_data_in_a_text_of_a_png_turn_nothing(folder: Path) -> None:
    """ImageMagick writes them as letters and digits, which no viewer takes for a rotation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes()
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{raw.hex()}\n", zip=True)
    (folder / "a").write_bytes(encoded(scene(1, 400, 300), "PNG", pnginfo=text))
    with strict_decoding():
        assert inspect_image(folder / "a", "a").orientation == 1


def test_exif_data_that_cannot_be_read_turn_nothing() -> None:
    with Image.open(io.BytesIO(encoded(scene(1, 400, 300), "JPEG", exif=exif_with(0x0128, 2)[:20]))) as image:
        assert orientation_of(image) == 1

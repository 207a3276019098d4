from __future__ import annotations

import base64

import pytest
from PIL import Image

from tuneloop.datasets.images.inspect import ImageError, decode, strict_decoding

from .images import JPEG, PNG, encoded


def boxes(main: bytes, *compatible: bytes) -> bytes:
    brands = main + bytes(4) + b"".join(compatible)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + bytes(400)


IMAGES = {
    "an AVIF": [boxes(b"avif", b"mif1"), boxes(b"avis"), boxes(b"mif1", b"avif", b"miaf")],
    "a HEIC": [boxes(brand, b"mif1") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevm", b"hevs")]
    + [boxes(b"mif1", b"heic")],
    "a HEIF": [boxes(b"mif1"), boxes(b"msf1")],
    "a JPEG XL": [b"\xff\x0a\x7f\x02" + bytes(400), b"\0\0\0\x0cJXL \r\n\x87\n" + boxes(b"jxl ")],
    "a JPEG 2000": [b"\0\0\0\x0cjP  \r\n\x87\n" + boxes(b"jp2 "), b"\xff\x4f\xff\x51" + bytes(400)],
    "a Canon raw (CR3)": [boxes(b"crx ", b"isom")],
    "a Photoshop": [b"8BPS\0\1" + bytes(400)],
    "a GIMP": [b"gimp xcf v011\0" + bytes(400)],
    "a BMP": [encoded(Image.new("RGB", (4, 4)), "BMP")],
    "a GIF": [encoded(Image.new("L", (4, 4)), "GIF")],
    "a TIFF": [encoded(Image.new("L", (4, 4)), "TIFF")],
}
OTHERS = {
    "is empty; fetch it again, or remove it": [b""],
    "holds nothing but zeros: its content was lost; fetch it again, or remove it": [bytes(9000)],
    "is a film; replace or remove it": [
        boxes(b"qt  "), boxes(b"isom", b"mp42"), boxes(b"3gp5"), b"RIFF\0\1\0\0AVI LIST"
    ],
    "is a PDF document; replace or remove it": [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"],
    "is a zip, or a document that is one; replace or remove it": [b"PK\3\4\x14" + bytes(80)],
    "is a pointer of Git LFS, not the image; run git lfs pull": [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    ],
    "is a pointer of git-annex, not the image; run git annex get": [b"/annex/objects/SHA256E-s31--00.jpg\n"],
    "is a text that names another file: a link saved as text; put that file in its place": [
        b"../../blobs/0123456789abcdef", b"originals/near/a b.jpg\n"
    ],
    "is a web page, such as a login or an error, instead of the image; fetch it again, or remove it": [
        b"<!DOCTYPE html><html><head>", b"\n\n<HTML><title>403</title>", b"<?xml version='1.0'?><html xmlns=''>"
    ],
    "is an XML document, such as a server's error, instead of the image; fetch it again, or remove it": [
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', b"\xef\xbb\xbf<Error/>"
    ],
    "is JSON, such as a server's error, instead of the image; fetch it again, or remove it": [b'{"error": "no"}'],
    "is an SVG drawing, which has no pixels; convert it to jpg, png or webp": [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"<?xml version='1.0'?><!-- a --><svg></svg>"
    ],
    "is an image that is written as text (base64); decode it, or remove it": [
        b"data:image/png;base64,iVBO", base64.b64encode(JPEG), base64.b64encode(PNG)
    ],
    "was an image until a program saved it as text, which changed its bytes; fetch it again, or remove it": [
        PNG.replace(b"\r\n", b"\n"), PNG.replace(b"\n", b"\r\n"), JPEG.decode(errors="replace").encode()
    ],
    "has 2 other bytes before the start of an image; save or fetch it again, or remove it": [b"\r\n" + JPEG],
    "is a text; replace or remove it": [b"404: Not Found\n", "keine Datei für Sie".encode(), b"\xff\xfea\0"],
    "is not an image; replace or remove it": [b"\1\2\3\4\5\6\7", b"\xe9\xe8 caf\xe9 \xff", b"\xff", b"\xff\xd8"],
}  # fmt: skip


def said_of(data: bytes) -> tuple[str, str]:
    with strict_decoding(), pytest.raises(ImageError) as caught:
        decode(data, "a.jpg", "")
    return caught.value.finding.check, str(caught.value).removeprefix("a.jpg: ")


@pytest.mark.parametrize("what", IMAGES)
def test_image_of_another_format_is_named(what: str) -> None:
    for data in IMAGES[what]:
        said = f"is {what} file by its content; convert it to jpg, png or webp"
        assert said_of(data) == ("other-format", said)


@pytest.mark.parametrize("said", OTHERS)
def test_what_is_no_image_is_said_to_be_what_it_is(said: str) -> None:
    for data in OTHERS[said]:
        assert said_of(data) == ("not-an-image", said)

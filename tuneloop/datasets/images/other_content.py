"""What a file is that was taken for an image by its name, told by its first bytes."""

from __future__ import annotations

import codecs
import io
import re
from contextlib import suppress
from typing import NamedTuple

from PIL import Image

_READ_BYTES = 4096
_LONGEST_PATH = 1024


class Content(NamedTuple):
    """What a file turned out to be."""

    reason: str
    """What it is, as the second half of a sentence."""
    remedy: str
    is_image: bool = False
    """An image of another format: viewers may show it."""


_CONVERT = "convert it to jpg, png or webp"
_REPLACE = "replace or remove it"
_AGAIN = "fetch it again, or remove it"
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "an AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "a HEIC"),
    **dict.fromkeys((b"jp2 ", b"jpx ", b"jpm ", b"jph ", b"mjp2"), "a JPEG 2000"),
    b"jxl ": "a JPEG XL",
    b"crx ": "a Canon raw (CR3)",
    **dict.fromkeys((b"mif1", b"msf1", b"mif2", b"miaf"), "a HEIF"),
}
"""Image formats in boxes, by any of the brands that the first box names; the vague ones last."""
_IMAGES = {
    b"\0\0\0\x0cjP  \r\n\x87\n": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL",
    b"\xff\x0a": "a JPEG XL",
    b"II\xbc": "a JPEG XR",
    b"8BPS": "a Photoshop",
    b"gimp xcf": "a GIMP",
    b"FUJIFILMCCD-RAW": "a Fujifilm raw (RAF)",
    b"IIU\0": "a Panasonic raw (RW2)",
    b"IIRO": "an Olympus raw (ORF)",
    b"v/1\x01": "an OpenEXR",
    b"#?RADIANCE": "a Radiance HDR",
    b"FLIF": "a FLIF",
    b"BPG\xfb": "a BPG",
    b"qoif": "a QOI",
}
"""Image formats by what a file starts with."""
_OTHERS = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"PK\x03\x04": "a zip, or a document that is one",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"\x1f\x8b": "packed by gzip",
    b"\x1aE\xdf\xa3": "a film (Matroska or WebM)",
    b"\0\0\1\xba": "a film (MPEG)",
    b"FLV\x01": "a film (Flash)",
    b"\0\x05\x16\x07": "macOS metadata of a file, not the file",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3": "a database",
}
"""Anything else by what a file starts with."""
_PATH_OF_A_FILE = re.compile(rb"(?:\.\.?/|/)?[\w .@:+-]+(?:/[\w .@:+-]+)+\n?")


def content_of(data: bytes) -> Content:
    """Find out what a file is that is neither JPEG, PNG nor WebP.

    Raises `Image.DecompressionBombError` where it claims to be far too large an image.
    """
    start = data[:_READ_BYTES]
    if not data:
        return Content("is empty", _AGAIN)
    if not data.strip(b"\0"):
        return Content("holds nothing but zeros: its content was lost", _AGAIN)
    image = _image_format(start)
    if image is not None:
        return Content(f"is {image} file by its content", _CONVERT, is_image=True)
    other = next((what for sign, what in _OTHERS.items() if start.startswith(sign)), _film(start))
    if other is not None:
        return Content(f"is {other}", _REPLACE)
    return _text(data) or _known_to_pillow(data) or _damaged(start) or Content("is not an image", _REPLACE)


def _image_format(start: bytes) -> str | None:
    brands = _brands(start)
    named = (what for brand, what in _BRANDS.items() if brand in brands)
    return next((what for sign, what in _IMAGES.items() if start.startswith(sign)), next(named, None))


def _film(start: bytes) -> str | None:
    """Boxes of other brands hold films, old ones from Apple have no brand at all."""
    is_film = _brands(start) or start[4:8] in {b"moov", b"mdat", b"wide"} or start[8:12] == b"AVI "
    return "a film" if is_film else None


def _brands(start: bytes) -> set[bytes]:
    """The main brand and all compatible ones of a file in boxes."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[at : at + 4] for at in range(16, end - 3, 4))}


def _damaged(start: bytes) -> Content | None:
    if start[:4] == b"\x89PNG" or start.startswith((b"\xef\xbf\xbdPNG", b"\xef\xbf\xbd" * 3)):
        return Content("was an image until a program saved it as text, which changed its bytes", _AGAIN)
    before = [at for sign in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n") if (at := start.find(sign)) > 0]
    if not before:
        return None
    reason = f"has {min(before)} other bytes before the start of an image"
    return Content(reason, "save or fetch it again, or remove it")


def _text(data: bytes) -> Content | None:
    """What a text is: pointers to a file elsewhere, pages and messages of servers, drawings."""
    start = data[:_READ_BYTES]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Content("is a text", _REPLACE)
    if any(sign < 0x20 and sign not in b"\t\n\r\f\x1b" for sign in start):  # noqa: PLR2004  Control characters.
        return None
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    is_lfs = words.startswith(b"version https://git-lfs")
    is_page = words.startswith(b"<!doctype html") or b"<html" in words
    is_base64 = words.startswith((b"data:image/", b"/9j/4", b"ivborw0k", b"uklgr"))
    is_path = len(data) < _LONGEST_PATH and _PATH_OF_A_FILE.fullmatch(data) is not None
    server = "such as a server's error, instead of the image"
    for found, reason, remedy in (
        (is_lfs, "is a pointer of Git LFS, not the image", "run git lfs pull"),
        (b"/annex/objects/" in words, "is a pointer of git-annex, not the image", "run git annex get"),
        (is_base64, "is an image that is written as text (base64)", "decode it, or remove it"),
        (b"<svg" in words, "is an SVG drawing, which has no pixels", _CONVERT),
        (is_page, "is a web page, such as a login or an error, instead of the image", _AGAIN),
        (words.startswith(b"<"), f"is an XML document, {server}", _AGAIN),
        (words.startswith((b"{", b"[")), f"is JSON, {server}", _AGAIN),
        (is_path, "is a text that names another file: a link saved as text", "put that file in its place"),
    ):
        if found:
            return Content(reason, remedy)
    with suppress(UnicodeDecodeError):
        # The last letter may be cut in two.
        codecs.getincrementaldecoder("utf-8")().decode(start)
        return Content("is a text", _REPLACE)
    return None


def _known_to_pillow(data: bytes) -> Content | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return Content(f"is a {image.format} file by its content", _CONVERT, is_image=True)
    except Image.DecompressionBombError:
        raise
    except Exception:  # noqa: BLE001  Whatever a plugin raises: it is none of the formats that can be named.
        return None

"""Bytes in a JPEG that touch no pixel: viewers pass over them, and so does the check, as far as they are known."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneloop.datasets.images.inspect import ImageError, decode, inspect_image, strict_decoding
from tuneloop.datasets.images.normalize import normalized
from tuneloop.schemas.dataset import ImageInfo, ImagePreprocessing

from .planted.scenes import saved, scene

KINDS: dict[str, dict[str, object]] = {
    "baseline": {"quality": 90},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_rows": 2},
}
CUT_SHORT = 200


def jpeg(kind: str) -> bytes:
    return saved(scene(1, 640, 480, grain=8), "JPEG", **KINDS[kind])


def looked_at(data: bytes) -> ImageInfo:
    """What is seen of an image, whatever its bytes are."""
    with strict_decoding():
        return decode(data, "a.jpg", "").model_copy(update={"crc32": None, "size_bytes": 0})


def before(marker: bytes, junk: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(marker, junk + marker, 1)


def before_end(junk: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:-2] + junk + data[-2:]


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "zeros before a table": before(b"\xff\xdb", b"\0\0"),
    "letters before codes": before(b"\xff\xc4", b"any letters"),
    "a stuffed byte behind the start": lambda data: data[:2] + b"\xff\0" + data[2:],
    "bytes before the scan": before(b"\xff\xda", bytes(range(1, 30))),
    "zeros before the end": before_end(bytes(258)),
    "a few zeros before the end": before_end(bytes(6)),
    "other filler before the end": before_end(b"\x7f" * 40),
    "a text before the end": before_end(b"taken by a\r\nphone, no. 12\n"),
    "a broken color profile": before(b"\xff\xdb", b"\xff\xe2\0\x12ICC_PROFILE\0\5\2xx"),
    "junk in two places": lambda data: before_end(bytes(64))(before(b"\xff\xdb", b"\0\0\0")(data)),
}


@pytest.mark.parametrize("plant", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_touch_no_pixel_are_no_fault(kind: str, plant: Callable[[bytes], bytes]) -> None:
    assert looked_at(plant(jpeg(kind))) == looked_at(jpeg(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_that_are_missing_are_found_behind_harmless_bytes(kind: str) -> None:
    data = before(b"\xff\xdb", b"\0\0\0")(jpeg(kind))
    with pytest.raises(ImageError, match="is broken or cut short"):
        looked_at(data[:-CUT_SHORT])
    with pytest.raises(ImageError):
        looked_at(data[:-CUT_SHORT] + data[-2:])
    with pytest.raises(ImageError):
        looked_at(HARMLESS["a broken color profile"](data[:-CUT_SHORT] + data[-2:]))


def test_bytes_left_over_that_may_be_pixels_are_an_error_of_their_own_words() -> None:
    junk = bytes(byte for byte in random.Random(1).randbytes(60) if byte != 0xFF)  # noqa: S311
    with pytest.raises(ImageError) as caught:
        looked_at(before_end(junk)(jpeg("baseline")))
    assert caught.value.finding.check == "broken"
    assert "may be damaged: " in str(caught.value)
    assert "bytes before its marker 0xd9 belong to no pixel" in str(caught.value)
    assert "cut short" not in str(caught.value)


def test_scan_that_ends_too_early_between_restarts_is_an_error() -> None:
    junk = random.Random(2).randbytes(40).replace(b"\xff", b"")  # noqa: S311
    with pytest.raises(ImageError):
        looked_at(before(b"\xff\xd0", junk)(jpeg("restarts")))


def test_copy_of_such_a_file_shows_the_same(folder: Path) -> None:
    way = ImagePreprocessing(reencode="png")
    copies = []
    for name, data in (("a", jpeg("baseline")), ("b", HARMLESS["zeros before a table"](jpeg("baseline")))):
        (folder / name).write_bytes(data)
        with strict_decoding():
            copies.append(normalized(data, inspect_image(folder / name, name), way))
    assert copies[0] == copies[1]

"""Every kind of fault, planted into every kind of file."""

from __future__ import annotations

import random
import struct
import zlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneloop.datasets.images.inspect import ImageError, decode, strict_decoding
from tuneloop.schemas.dataset import ImageInfo

from .planted import faults
from .planted.faults import Fault
from .planted.png_writer import SIGNATURE, chunks_of, png_from
from .planted.scenes import saved, scene, two_in_one

JPEG_KINDS = ("4:2:0", "4:2:2", "4:4:4", "fine", "gray", "progressive", "optimised", "restarts", "CMYK")
PNG_KINDS = ("RGB", "gray", "palette", "RGBA")
WEBP_KINDS = ("lossy", "lossless", "alpha")
TRIES = 5


@cache
def jpeg(kind: str) -> bytes:
    image = scene(1, 640, 480, grain=8)
    if kind == "gray":
        return saved(image.convert("L"), "JPEG", quality=95)
    if kind == "CMYK":
        return saved(image.convert("CMYK"), "JPEG", quality=90)
    how: dict[str, dict[str, object]] = {
        "4:2:0": {"quality": 75, "subsampling": 2},
        "4:2:2": {"quality": 85, "subsampling": 1},
        "4:4:4": {"quality": 90, "subsampling": 0},
        "fine": {"quality": 97},
        "progressive": {"quality": 90, "progressive": True},
        "optimised": {"quality": 90, "optimize": True},
        "restarts": {"quality": 90, "restart_marker_rows": 2},
    }
    return saved(image, "JPEG", **how[kind])


@cache
def png(kind: str) -> bytes:
    image = scene(2, 400, 300)
    if kind == "palette":
        return saved(scene(2, 700, 500).quantize(64), "PNG")
    return saved(image.convert("L" if kind == "gray" else kind), "PNG", compress_level=1)


@cache
def webp(kind: str) -> bytes:
    image = scene(3, 400, 300)
    if kind == "lossy":
        return saved(scene(3, 640, 480), "WEBP", quality=95)
    return saved(image.convert("RGBA" if kind == "alpha" else "RGB"), "WEBP", lossless=True, exact=True)


def looked_at(data: bytes) -> ImageInfo:
    """What is seen of an image, whatever its bytes are."""
    with strict_decoding():
        return decode(data, "a.jpg", "").model_copy(update={"crc32": None, "size_bytes": 0})


def without_measures(data: bytes) -> dict[str, object]:
    return looked_at(data).model_dump(exclude={"perceptual_hash", "sharpness", "mean", "spread"})


def found(data: bytes) -> bool:
    try:
        looked_at(data)
    except ImageError as error:
        assert error.finding.check in {"broken", "not-an-image", "other-format"}  # noqa: PT017
        return True
    return False


def every_try_is_found(data: bytes, fault: Fault) -> None:
    looked_at(data)
    chance = random.Random(7)  # noqa: S311
    for _ in range(TRIES):
        assert found(fault(data, chance))


@pytest.mark.parametrize("fault", faults.JPEG, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("kind", JPEG_KINDS)
def test_faults_in_jpeg(kind: str, fault: Fault) -> None:
    if kind in {"progressive", "restarts"} and fault is faults.sector_zeroed:
        # Not every one: zeros can be valid codes there, and a JPEG has no checksum. This is what is promised.
        data, chance = jpeg(kind), random.Random(7)  # noqa: S311
        looked_at(data)
        assert sum(found(fault(data, chance)) for _ in range(TRIES)) >= 0.7 * TRIES
        return
    every_try_is_found(jpeg(kind), fault)


@pytest.mark.parametrize("fault", faults.PNG, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("kind", PNG_KINDS)
def test_faults_in_png(kind: str, fault: Fault) -> None:
    every_try_is_found(png(kind), fault)


@pytest.mark.parametrize("fault", faults.WEBP, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("kind", WEBP_KINDS)
def test_faults_in_webp(kind: str, fault: Fault) -> None:
    every_try_is_found(webp(kind), fault)


@pytest.mark.parametrize(
    "fault", [faults.sector_of_garbage, faults.sector_flipped], ids=lambda fault: fault.__name__
)
@pytest.mark.parametrize("kind", ["lossless", "alpha"])
def test_changed_data_in_lossless_webp(kind: str, fault: Fault) -> None:
    every_try_is_found(webp(kind), fault)


def test_faults_without_a_certain_trace_are_found_more_often_than_by_pillow_alone() -> None:
    """Swapped sectors, and single bytes: what the format allows to find, for it has no checksum."""
    chance = random.Random(3)  # noqa: S311
    data = jpeg("fine")
    assert sum(found(faults.sectors_swapped(data, chance)) for _ in range(20)) >= 18
    assert sum(found(faults.bytes_changed(data, chance)) for _ in range(20)) >= 6


@pytest.mark.parametrize("changed", [b"", b"\0", b"\0" * 3000], ids=["none", "one byte", "many"])
def test_bytes_behind_the_end_are_counted(changed: bytes) -> None:
    for data in (jpeg("4:2:0"), jpeg("progressive"), png("RGB"), webp("lossy")):
        assert looked_at(data + changed).trailing_bytes == len(changed)


def test_jpeg_in_jpeg_ends_where_the_outer_one_does() -> None:
    """A thumbnail within the EXIF data has an end marker of its own."""
    thumbnail = saved(scene(4, 64, 48), "JPEG")
    exif = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    data = saved(scene(5), "JPEG", exif=exif)
    assert data.count(b"\xff\xd9") == 2
    assert looked_at(data + b"xyz").trailing_bytes == 3


def test_jpeg_of_endless_scans_is_refused_before_it_is_decoded() -> None:
    """At the largest size each costs a tenth of a second: ten megabytes of them would take hours."""
    whole = jpeg("progressive")
    last = whole[whole.rindex(b"\xff\xda") : -2]
    assert without_measures(whole[:-2] + 80 * last + whole[-2:]) == without_measures(whole)
    with pytest.raises(ImageError, match="it has more than 100 scans"):
        looked_at(whole[:-2] + 100 * last + whole[-2:])
    behind = 200 * b"\xff\xda"
    assert looked_at(whole + behind).trailing_bytes == len(behind)


def test_phone_writes_what_the_standard_forbids_but_everybody_reads() -> None:
    data = bytearray(jpeg("4:2:0"))
    scan = data.index(b"\xff\xda")
    length = int.from_bytes(data[scan + 2 : scan + 4], "big")
    data[scan + length - 1 : scan + 2 + length] = bytes(3)
    assert without_measures(bytes(data)) == without_measures(jpeg("4:2:0"))
    assert found(faults.cut_in_half(bytes(data), random.Random(1)))  # noqa: S311
    assert found(bytes(data[:-1]))


@pytest.mark.parametrize(
    ("at", "value", "kind"), [(1, 0xC9, "arithmetic"), (1, 0xC3, "lossless"), (4, 12, "12-bit")]
)
def test_jpeg_that_no_trainer_can_read(at: int, value: int, kind: str) -> None:
    data = bytearray(jpeg("4:2:0"))
    data[data.index(b"\xff\xc0") + at] = value
    with pytest.raises(ImageError, match=rf"is an? .*{kind}.* JPEG, .*; save it as a plain 8-bit JPEG"):
        looked_at(bytes(data))


@pytest.mark.parametrize("kind", [b"IDAT", b"IEND"])
def test_wrong_checksum_of_a_chunk_that_pillow_does_not_check(kind: bytes) -> None:
    data = bytearray(saved(scene(2).quantize(9), "PNG"))
    at = data.index(kind)
    (length,) = struct.unpack_from(">I", data, at - 4)
    data[at + 4 + length] ^= 1
    with pytest.raises(ImageError, match=r"\(the checksum of the chunk at byte \d+ is wrong\)"):
        looked_at(bytes(data))


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_png_with_too_few_rows_under_right_checksums(kind: str) -> None:
    chunks = dict(chunks_of(saved(scene(2, 64, 64).convert({"palette": "P", "gray": "L"}.get(kind, kind)), "PNG")))
    rows = zlib.decompress(chunks[b"IDAT"])
    for there in (0, len(rows) // 2, len(rows) - 1):
        chunks[b"IDAT"] = zlib.compress(rows[:there])
        with pytest.raises(ImageError, match=rf"only {there} of {len(rows)} bytes of its pixels are there"):
            looked_at(png_from(chunks.items()))
    chunks[b"IDAT"] = zlib.compress(rows)
    assert not found(png_from(chunks.items()))


def test_png_that_lost_a_whole_chunk_of_pixels() -> None:
    data = zlib.compress(zlib.decompress(dict(chunks_of(saved(scene(2, 64, 64), "PNG")))[b"IDAT"]))
    header = dict(chunks_of(saved(scene(2, 64, 64), "PNG")))[b"IHDR"]
    parts = [(b"IDAT", data[at : at + 1000]) for at in range(0, len(data), 1000)]
    assert not found(png_from([(b"IHDR", header), *parts, (b"IEND", b"")]))
    for lost in range(len(parts) - 1):
        assert found(png_from([(b"IHDR", header), *parts[:lost], *parts[lost + 1 :], (b"IEND", b"")]))


def test_png_without_its_last_chunk_or_without_any() -> None:
    assert found(png("RGB")[:-12])
    assert found(SIGNATURE)


def test_webp_whose_lengths_do_not_fit() -> None:
    data = bytearray(webp("lossy"))
    data[4:8] = (len(data) - 10).to_bytes(4, "little")
    assert found(bytes(data))
    with pytest.raises(ImageError, match=r"\(7 bytes are missing at its end\)"):
        looked_at(webp("lossy")[:-7])


WHOLE = st.one_of(
    st.sampled_from(JPEG_KINDS).map(jpeg),
    st.sampled_from(PNG_KINDS).map(png),
    st.sampled_from(WEBP_KINDS).map(webp),
)


@settings(max_examples=150, deadline=None)
@given(WHOLE, st.data())
def test_file_cut_anywhere_is_found(whole: bytes, data: st.DataObject) -> None:
    assert found(whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(max_examples=150, deadline=None)
@given(WHOLE, st.data())
def test_byte_changed_anywhere_breaks_nothing_but_the_image(whole: bytes, data: st.DataObject) -> None:
    # Half of them in the beginning, where the lengths and tables are.
    last = data.draw(st.sampled_from([700, len(whole) - 1]))
    at, change = data.draw(st.integers(0, last)), data.draw(st.integers(1, 255))
    changed = bytearray(whole)
    changed[at] ^= change
    found(bytes(changed))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff", SIGNATURE, b"RIFF\x20\0\0\0WEBP", b""]), st.binary(max_size=300))
def test_any_bytes_are_a_image_or_unusable(beginning: bytes, rest: bytes) -> None:
    found(beginning + rest)


def test_cut_in_the_second_image_leaves_the_first_one_whole() -> None:
    both = two_in_one(scene(1), scene(2))
    assert not found(both[:-50])
    assert found(both[: len(both) // 3])


def test_animation_is_counted_not_refused() -> None:
    frames = [scene(number, 80, 60) for number in range(3)]
    for image_format in ("PNG", "WEBP"):
        data = saved(frames[0], image_format, save_all=True, append_images=frames[1:])
        assert looked_at(data).frames == 3

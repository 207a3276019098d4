"""What happens to files: each fault as a function from bytes to bytes, the same way every time."""

from __future__ import annotations

import random
from collections.abc import Callable

Fault = Callable[[bytes, random.Random], bytes]

_SECTOR = 4096


def _at(data: bytes, chance: random.Random, length: int) -> int:
    """A place within the pixels of an image."""
    return chance.randrange(len(data) // 3, len(data) - length - 100)


def cut_in_half(data: bytes, _: random.Random) -> bytes:
    return data[: len(data) // 2]


def last_byte_missing(data: bytes, _: random.Random) -> bytes:
    return data[:-1]


def end_missing(data: bytes, _: random.Random) -> bytes:
    return data[:-2]


def half_missing_but_the_end(data: bytes, _: random.Random) -> bytes:
    return data[: len(data) // 2] + data[-2:]


def tail_zeroed(data: bytes, _: random.Random) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


def sector_zeroed(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, _SECTOR)
    return data[:at] + bytes(_SECTOR) + data[at + _SECTOR :]


def sector_of_garbage(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, _SECTOR)
    return data[:at] + chance.randbytes(_SECTOR) + data[at + _SECTOR :]


def sector_flipped(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, _SECTOR)
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + _SECTOR]) + data[at + _SECTOR :]


def sector_lost(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, _SECTOR)
    return data[:at] + data[at + _SECTOR :]


def sectors_swapped(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, 2 * _SECTOR)
    middle, end = at + _SECTOR, at + 2 * _SECTOR
    return data[:at] + data[middle:end] + data[at:middle] + data[end:]


def marker_within(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, 4)
    return data[:at] + b"\xff\xc4\x00\x02" + data[at + 4 :]


def end_within(data: bytes, chance: random.Random) -> bytes:
    at = _at(data, chance, 2)
    return data[:at] + b"\xff\xd9" + data[at + 2 :]


def height_doubled(data: bytes, _: random.Random) -> bytes:
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data[:2000]) + 5
    height = int.from_bytes(data[at : at + 2], "big") * 2
    return data[:at] + height.to_bytes(2, "big") + data[at + 2 :]


def tables_zeroed(data: bytes, _: random.Random) -> bytes:
    at = data.index(b"\xff\xc4") + 4
    return data[:at] + bytes(40) + data[at + 40 :]


def header_lost(data: bytes, _: random.Random) -> bytes:
    return data[:2] + data[data.index(b"\xff\xc4") :]


def bytes_changed(data: bytes, chance: random.Random, number: int = 1) -> bytes:
    changed = bytearray(data)
    for at in chance.sample(range(len(data) // 3, len(data) - 20), number):
        changed[at] ^= chance.randrange(1, 256)
    return bytes(changed)


ANY_FILE: tuple[Fault, ...] = (cut_in_half, last_byte_missing, end_missing)
JPEG: tuple[Fault, ...] = (
    *ANY_FILE,
    half_missing_but_the_end,
    tail_zeroed,
    sector_zeroed,
    sector_of_garbage,
    sector_flipped,
    sector_lost,
    marker_within,
    end_within,
    height_doubled,
    tables_zeroed,
    header_lost,
)
PNG: tuple[Fault, ...] = (
    *ANY_FILE,
    half_missing_but_the_end,
    tail_zeroed,
    sector_zeroed,
    sector_of_garbage,
    sector_flipped,
    sector_lost,
    sectors_swapped,
    bytes_changed,
)
WEBP: tuple[Fault, ...] = (*ANY_FILE, half_missing_but_the_end, sector_lost)

"""Finds planted secrets in bytes, however they were written down."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self
from urllib.parse import quote, quote_plus

SIGNED_ADDRESS = "a signed address"
SIGNATURE = "a signature that went over the wire"

_SIGNED = re.compile(
    rb"(?i)(?<![a-z])(?:signature|sig|X-Amz-Security-Token)(?:=|%3D|\\u003d)[A-Za-z0-9%+/_-]{16,}"
)
"""What makes a signature useful. An ellipsis stands in the place of one that was taken out."""
_HEX_DIGITS = re.compile(rb"[0-9a-f]{64,}")
_SIGNATURE_DIGITS = 64
_GZIP = re.compile(rb"\x1f\x8b\x08")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_ZIP_MEMBER = re.compile(rb"PK\x03\x04.{22}(..)(..)", re.DOTALL)
_DEEPEST = 3
_LARGEST_LAYER = 64 << 20
_AT_ONCE = 1 << 14


class Piece(NamedTuple):
    """Bytes of one place, and where in it they are."""

    where: str
    data: bytes


class Leak(NamedTuple):
    """Which secret is where. It never shows the secret."""

    where: str
    secret: str


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes:
        secrets: The planted ones, by what they are called.
        signatures: Hexadecimal ones that went over a wire.
        shown: Matches addresses that are shown to people by design; they are left out.
        signed: Whether a signed address of any kind is a leak.
    """

    secrets: Mapping[str, str]
    signatures: Collection[bytes] = ()
    shown: re.Pattern[bytes] | None = None
    signed: bool = True

    def without(self, *names: str, signed: bool = True) -> Self:
        """The same search, which knows nothing of some secrets."""
        left = {name: secret for name, secret in self.secrets.items() if name not in names}
        return replace(self, secrets=left, signed=self.signed and signed)

    def leaks(self, pieces: Iterable[Piece]) -> set[Leak]:
        """Look through pieces, and through what is packed in them."""
        return {Leak(piece.where, secret) for piece in pieces for secret in self._within(piece)}

    def _within(self, piece: Piece) -> Iterator[str]:
        for layer in (piece.where.encode(), *layers(piece.data)):
            text = self.shown.sub(b"", layer) if self.shown else layer
            yield from (name for name, forms in self._forms.items() if any(form in text for form in forms))
            if self.signed and _SIGNED.search(text):
                yield SIGNED_ADDRESS
            if self.signatures and any(one in self.signatures for one in _digits(text)):
                yield SIGNATURE

    @cached_property
    def _forms(self) -> dict[str, tuple[bytes, ...]]:
        return {name: tuple(forms_of(secret)) for name, secret in self.secrets.items()}


def _digits(text: bytes) -> Iterator[bytes]:
    for found in _HEX_DIGITS.finditer(text):
        run = found[0]
        yield from (run[at : at + _SIGNATURE_DIGITS] for at in range(len(run) - _SIGNATURE_DIGITS + 1))


def forms_of(secret: str) -> set[bytes]:
    """How a secret may stand in bytes: as it is, quoted, escaped, in base64 at any place, in digits, in UTF-16."""
    raw, quoted = secret.encode(), quote(secret, safe="")
    escaped = json.dumps(secret)[1:-1]
    texts = {
        secret, quoted, quote(secret), quote_plus(secret), quote(quoted, safe=""), escaped,
        escaped.replace("/", r"\/"), json.dumps(escaped)[1:-1], html.escape(secret), raw.hex(), raw.hex().upper(),
        re.sub("%..", lambda sign: sign[0].lower(), quoted),
    }  # fmt: skip
    return {*(text.encode() for text in texts), secret.encode("utf-16-le"), *_in_base64(raw)}


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """What base64 makes of bytes whatever stands before and behind them."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        # The first and last signs hold bits of the neighbours too.
        start, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        yield encoded[start:end]
        yield encoded[start:end].translate(bytes.maketrans(b"+/", b"-_"))


def layers(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Bytes, and whatever is packed anywhere in them: gzip, zlib and the members of zips, also in each other."""
    yield data
    if depth < _DEEPEST:
        for inner in _packed(data):
            yield from layers(inner, depth + 1)


def _packed(data: bytes) -> Iterator[bytes]:
    starts = [(found.start(), 31) for found in _GZIP.finditer(data)]
    starts += [(found.start(), 15) for found in _ZLIB.finditer(data)]
    for found in _ZIP_MEMBER.finditer(data):
        starts.append((found.end() + sum(int.from_bytes(size, "little") for size in found.groups()), -15))
    for start, window_bits in starts:
        unpacked = _unpacked(memoryview(data)[start:], window_bits)
        if unpacked:
            yield unpacked


def _unpacked(data: memoryview, window_bits: int) -> bytes:
    """What can be unpacked before the data ends or turns out to be something else."""
    unpacking = zlib.decompressobj(window_bits)
    found = bytearray()
    for at in range(0, len(data), _AT_ONCE):
        before, piece = unpacking.copy(), data[at : at + _AT_ONCE]
        try:
            found += unpacking.decompress(piece)
        except zlib.error:
            return bytes(found + _unpacked_slowly(before, piece))
        if unpacking.eof or len(found) > _LARGEST_LAYER:
            break
    return bytes(found)


def _unpacked_slowly(unpacking: zlib._Decompress, piece: memoryview) -> bytes:
    """The same up to the very byte that is wrong."""
    found = bytearray()
    with suppress(zlib.error):
        for at in range(len(piece)):
            found += unpacking.decompress(piece[at : at + 1])
    return bytes(found)

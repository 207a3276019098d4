"""Names within a zip, as they were meant.

Sources: PKWARE, APPNOTE.TXT, 4.4.2 (hosts), 4.4.4 (bit 11) and 4.6.9 (the Unicode path); Info-ZIP, extrafld.txt.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable

_UTF_8 = 0x0800
_UNICODE_PATH = 0x7075
_WITH_BACKSLASHES = frozenset({0, 6, 10, 11, 14})
"""Hosts where a backslash stands between folders: DOS, OS/2, NTFS (two numbers are in use) and VFAT."""
_MAYBE_HALF = re.compile(r"(?<=[^\x00-\x7f])\\")
_FULL_WIDTH_BACKSLASH = "\N{FULLWIDTH REVERSE SOLIDUS}"


def names_of(listed: list[zipfile.ZipInfo]) -> list[str]:
    """Read the names of a zip's entries; that of its root folder, however it is written, is `/`.

    A name without a mark of its own is UTF-8 or in the code page of whoever made the zip. Which one that was can
    only be guessed, for all names at once; a wrong guess changes labels, and no two names become one.
    """
    marked = [_marked(item) for item in listed]
    page = _code_page([raw_name(item) for item, name in zip(listed, marked, strict=True) if name is None])
    names = []
    for item, name in zip(listed, marked, strict=True):
        text = page(raw_name(item)) if name is None else name
        names.append(_plain(text.replace("\\", "/") if item.create_system in _WITH_BACKSLASHES else text))
    return names


def _plain(name: str) -> str:
    """Without the `./` that some programs write in front, as every unpacker reads it."""
    if name.endswith("/") and set(name.split("/")) <= {"", "."}:
        return "/"
    while name.startswith("./"):
        name = name[2:]
    return name


def raw_name(item: zipfile.ZipInfo) -> bytes:
    """The name's bytes. zipfile's own name ends at the first NUL."""
    return item.orig_filename.encode("utf-8" if item.flag_bits & _UTF_8 else "cp437")


def _marked(item: zipfile.ZipInfo) -> str | None:
    """The name where the zip says how it is written, or where it is UTF-8; None where it is neither."""
    found = _unicode_path(item)
    if found is not None or item.flag_bits & _UTF_8:
        return found or item.orig_filename
    try:
        return raw_name(item).decode()
    except UnicodeDecodeError:
        return None


def _unicode_path(item: zipfile.ZipInfo) -> str | None:
    """The name in the field that Info-ZIP, WinRAR and 7-Zip add, if it belongs to the name as it is now."""
    extra = item.extra
    while len(extra) >= struct.calcsize("<2H"):
        kind, size = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > struct.calcsize("<BL"):
            version, checksum = struct.unpack_from("<BL", field)
            if version == 1 and checksum == zlib.crc32(raw_name(item)):
                try:
                    return field[5:].decode()
                except UnicodeDecodeError:
                    return None
    return None


def _code_page(names: list[bytes]) -> Callable[[bytes], str]:
    """Guess how names are written: as the first of these code pages in which all of them are words."""
    halves = any(_MAYBE_HALF.search(name.decode("cp437")) for name in names)
    for page, are_words in _PAGES.items():
        if halves and page in _OF_SINGLE_BYTES:
            continue
        try:
            texts = {name.decode(page) for name in names}
        except UnicodeDecodeError:
            continue
        if len(texts) == len(set(names)) and all(map(are_words, texts)):
            return lambda name, page=page: name.decode(page)  # type: ignore[misc]  # the page of this round
    # Unreadable but one name for one name. A backslash after such a letter may be its second half.
    return lambda name: _MAYBE_HALF.sub(_FULL_WIDTH_BACKSLASH, name.decode("cp437"))


def _only(script: str) -> Callable[[str], bool]:
    def are_words(text: str) -> bool:
        return all(letter.isascii() or unicodedata.name(letter, "").startswith(script) for letter in text)

    return are_words


def _east_asian(text: str) -> bool:
    """Tell words from what another code page's bytes happen to mean: half-width kana, boxes and odd signs."""
    wide = (letter for letter in text if not letter.isascii())
    return all(unicodedata.category(sign)[0] in "LNPSZ" and not "\uff61" <= sign <= "\uff9f" for sign in wide)


_OF_SINGLE_BYTES = frozenset({"cp437", "cp866"})
_PAGES: dict[str, Callable[[str], bool]] = {
    "cp437": _only("LATIN"),
    "cp866": _only("CYRILLIC"),
    "cp932": _east_asian,
    "gb2312": _east_asian,
    "big5": _east_asian,
    "cp949": _east_asian,
    "gbk": _east_asian,
}
"""The code pages of PCs in the West and in Russia, then Japan, China, Taiwan and Korea."""

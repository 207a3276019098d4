"""Which names a store accepts: the same ones in every kind of store."""

from __future__ import annotations

import re

from tuneloop.errors import StoreError

# A part that starts with a dot is rejected: `.` and `..` lead out of the store, `.tmp` is the stores' own.
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")

MAX_PART = 255
"""Longest file name of the usual file systems."""
MAX_NAME = 900
"""An S3 key ends at 1,024 bytes; the rest is left to the prefix of the store."""


def is_name(text: str) -> bool:
    """Return True if a store accepts this as a name."""
    short = len(text) <= MAX_NAME and all(len(part) <= MAX_PART for part in text.split("/"))
    return short and _NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """Return the name as it is. Raises `StoreError` where no store would accept it."""
    if not is_name(text):
        raise StoreError(
            f"{text!r} cannot be a name in a store: use A-Z a-z 0-9 . _ - with / between parts, no "
            f"part empty or starting with a dot, {MAX_PART} characters a part, {MAX_NAME} in all."
        )
    return text


def checked_prefix(text: str) -> str:
    """Return the beginning of a name as it is; empty is fine, and so is a `/` at its end."""
    if text:
        checked_name(f"{text}x" if text.endswith("/") else text)
    return text


def checked_marker(text: str) -> str:
    """Return the name of a marker as it is. Raises `StoreError` for anything that is never deleted."""
    if not text.startswith("inflight/"):
        raise StoreError(f"{text!r} stays: only markers below inflight/ may be deleted.")
    return checked_name(text)

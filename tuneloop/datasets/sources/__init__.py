"""Where datasets come from: folders, zips, S3, the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Progress = Callable[[int, int | None], None]
"""Called with (bytes done, bytes in all, None if unknown)."""
Kind = Literal["web", "hub", "s3", "disk"]
_KINDS: dict[str, Kind] = {"https://": "web", "http://": "web", "hf://": "hub", "s3://": "s3"}


def kind_of(source: str) -> Kind:
    """Where a dataset is, by what its name starts with."""
    return next((kind for start, kind in _KINDS.items() if source.startswith(start)), "disk")

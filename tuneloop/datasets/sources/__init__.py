"""Where datasets come from: zips, S3, the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called with (bytes done, bytes in all, None if unknown)."""

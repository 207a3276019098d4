"""What is said of an image file that cannot be used at all."""

from __future__ import annotations

from tuneloop.errors import DatasetError
from tuneloop.schemas.findings import Finding


class ImageUnusable(DatasetError):
    """One image file cannot be used; the text is the finding's sentence.

    Args:
        finding: Which check refused it, and what to do.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def unusable(check: str, name: str, reason: str, remedy: str) -> ImageUnusable:
    """The error for one file."""
    return ImageUnusable(Finding(severity="error", check=check, file=name, reason=reason, remedy=remedy))

"""What is said of a picture file that cannot be used at all."""

from __future__ import annotations

from tuneloop.errors import DatasetError
from tuneloop.schemas.findings import Finding


class PictureUnusable(DatasetError):
    """One picture file cannot be used; the text is the finding's sentence.

    Args:
        finding: Which check refused it, and what to do.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def unusable(check: str, name: str, reason: str, remedy: str) -> PictureUnusable:
    """The error for one file."""
    return PictureUnusable(Finding(severity="error", check=check, file=name, reason=reason, remedy=remedy))

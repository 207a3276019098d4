"""What a look at a dataset has found."""

from __future__ import annotations

from typing import Literal

from tuneloop.values.frozen import Frozen

Severity = Literal["error", "warning"]
"""An error stops the run before anything is uploaded; a warning is shown in the report."""


class Finding(Frozen):
    """One thing that is wrong, or that a person should know before paying."""

    severity: Severity
    """Whether the dataset can be used all the same."""
    check: str
    """Short name of the check, such as `near-duplicate`: small letters and hyphens."""
    file: str | None = None
    """Path of the file within the source, None where the whole dataset is meant."""
    reason: str
    """What was found, as the second half of a sentence that starts with the file's name."""
    remedy: str
    """What to do about it."""

    @property
    def sentence(self) -> str:
        """File, reason and remedy in one line."""
        return f"{self.file}: {self.reason}; {self.remedy}" if self.file else f"{self.reason}; {self.remedy}"

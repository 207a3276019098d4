"""What a look at a dataset has found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.shown_text import printable

Severity = Literal["error", "warning"]
"""An error stops the run before anything is uploaded; a warning is shown in the report."""

_NAMES_TOLD = 3


class Finding(FrozenModel):
    """One thing that is wrong, or that a person should know before paying."""

    severity: Severity
    check: str
    """Short name of the check, such as `near-duplicate`: small letters and hyphens."""
    file: str | None = None
    """Path of the file within the source, None where the whole dataset is meant."""
    reason: str
    """What was found, as the second half of a sentence that starts with the file's name."""
    remedy: str

    @property
    def sentence(self) -> str:
        told = f"{self.reason}; {self.remedy}"
        return f"{printable(self.file)}: {told}" if self.file is not None else told


def error(check: str, file: str | None, reason: str, remedy: str) -> Finding:
    """What stops the run."""
    return Finding(severity="error", check=check, file=file, reason=reason, remedy=remedy)


def warning(check: str, file: str | None, reason: str, remedy: str) -> Finding:
    """What is shown, and stops nothing."""
    return Finding(severity="warning", check=check, file=file, reason=reason, remedy=remedy)


def errors_in(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that stop the run."""
    return tuple(finding for finding in findings if finding.severity == "error")


def warnings_in(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are only shown."""
    return tuple(finding for finding in findings if finding.severity == "warning")


def usability(findings: Sequence[Finding]) -> str:
    """Whether a dataset can be used, in a few words: `usable, 3 warnings`."""
    errors, warnings = errors_in(findings), warnings_in(findings)
    counts = [
        f"{len(found):,} {what}{'' if len(found) == 1 else 's'}"
        for found, what in ((errors, "error"), (warnings, "warning"))
        if found
    ]
    return ", ".join(["cannot be used" if errors else "usable", *(counts or ["no warnings"])])


def limit_per_check(findings: Iterable[Finding], of_each: int) -> list[tuple[Finding, int]]:
    """Keep the first few findings of each check and severity: a thousand of one kind would hide all others.

    Returns each kept finding with the number of findings of its kind that were left out just behind it.
    """
    kinds: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.severity, finding.check), []).append(finding)
    kept = []
    for kind in kinds.values():
        rest = len(kind) - of_each
        kept += [(finding, 0) for finding in kind[: of_each - 1]]
        kept += [(finding, max(rest, 0)) for finding in kind[of_each - 1 : of_each]]
    return kept


def join_names(names: Sequence[str]) -> str:
    """Spell the first names and count the others: `a.png, b.png, c.png and 5 more`."""
    told = [printable(name) for name in names[:_NAMES_TOLD]]
    if len(names) > _NAMES_TOLD:
        return f"{', '.join(told)} and {len(names) - _NAMES_TOLD} more"
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]

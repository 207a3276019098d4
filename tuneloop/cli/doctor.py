"""`tuneloop doctor`: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn
from rich.text import Text

from tuneloop.cli.exit_codes import INTERRUPTED, OUTAGE, REFUSED
from tuneloop.cli.terminal import console_for, print_json, print_text, progress_bar, shown
from tuneloop.operations.doctor.check import Check, leave
from tuneloop.orchestration.doctor.diagnosis import diagnose

_MARKS = {"ok": ("✓ ", "green"), "problem": ("✗ ", "red"), "unknown": ("? ", "yellow")}
_INDENT = "    "


def diagnose_and_leave(named_by: str, *, as_json: bool) -> NoReturn:
    """Check the installation of the current folder's project, print what was found, and end this process."""
    try:
        code = _show_diagnosis(named_by, as_json=as_json)
    except KeyboardInterrupt:
        code = INTERRUPTED
    leave(code)


def _show_diagnosis(named_by: str, *, as_json: bool) -> int:
    with progress_bar(SpinnerColumn(), TextColumn("checking, for a minute and a half at most")) as bar:
        bar.add_task("")
        checks = diagnose(named_by, Path())
    console = console_for(as_json=as_json)
    for check in checks:
        _show(console, check)
    wrong = sum(check.status != "ok" for check in checks)
    print_text(console, shown(f"{wrong} of {len(checks)} checks need attention." if wrong else "All is well."))
    if as_json:
        print_json({"checks": [check.model_dump() for check in checks]})
    if checks[0].status != "ok":
        return OUTAGE
    return REFUSED if wrong else 0


def _show(console: Console, check: Check) -> None:
    print_text(console, Text.assemble(_MARKS[check.status], shown(check.name, "bold"), ": ", shown(check.message)))
    for line in check.remedy.splitlines():
        print_text(console, shown(f"{_INDENT}{line}"))

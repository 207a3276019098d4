"""A session as one watches it, and what it comes to: a table, the failures with their replays, the JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.crash.drive import Outcome
from tests.crash.session import Figures, Told

_LAST_POINTS = 4
_LAST_LINES = 12


@contextmanager
def watched(console: Console, cases: int, seed: int) -> Iterator[Told]:
    """A bar that moves with each case; failures are told at once, while what they have left is there."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    with bar:
        task = bar.add_task("cases", total=cases)
        bad = 0

        def told(outcome: Outcome) -> None:
            nonlocal bad
            if outcome.findings:
                bad += 1
                console.print(failure(outcome, seed), markup=False, highlight=False, soft_wrap=True)
            bar.update(task, advance=1, description=f"{bad} failed" if bad else "none failed")

        yield told


def table(outcomes: list[Outcome]) -> Table:
    """Cases, deaths and failures by kind."""
    shown = Table(title="What was played")
    for column in ("kind", "cases", "processes", "killed", "failed"):
        shown.add_column(column, justify="left" if column == "kind" else "right")
    for kind in dict.fromkeys(outcome.case.kind for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.case.kind == kind]
        shown.add_row(
            kind,
            str(len(mine)),
            str(sum(len(outcome.endings) for outcome in mine)),
            str(sum(outcome.deaths for outcome in mine)),
            str(sum(bool(outcome.findings) for outcome in mine)),
        )
    return shown


def failure(outcome: Outcome, seed: int) -> str:
    """What went wrong in one case, what its processes did, what the ledger says, and how to see it again."""
    arguments = shlex.quote(f"--seed {seed} --only {outcome.case.id}")
    lines = [f"FAILED {outcome.case.id}"]
    lines += [f"  {finding.kind}: {finding.what}" for finding in outcome.findings]
    lines.append(f"  again: make crash-test ARGS={arguments}")
    for ending in outcome.endings:
        last = [point.name for point in ending.points[-_LAST_POINTS:]]
        how = "was killed" if ending.died else "ended"
        lines.append(f"  {ending.label} {how}; its last points: {' | '.join(last)}")
    lines += [f"  ledger: {line}" for line in outcome.ledger_trace]
    if outcome.log.is_file():
        lines += [f"  log: {line}" for line in outcome.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]]
    return "\n".join(lines)


def write_json(file: Path, figures: Figures, outcomes: list[Outcome]) -> None:
    """Write the figures, and what failed."""
    failed = {item.case.id: [asdict(finding) for finding in item.findings] for item in outcomes if item.findings}
    document = {**asdict(figures), "by_kind": figures.kinds, "failed": failed}
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

"""Simulate gates on the emulator's pictures: how often are equals promoted, regressions found, copies blocked?"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.gate.gates import Tally, judged, plan_by_lot
from benchmarks.gate.models import Trained, contestants
from benchmarks.gate.pool import drawn_and_scored
from deployments.sample_pictures import draw_sample_pictures
from tuneloop.values.gate import GatePolicy

EQUALS, REGRESSIONS, COPIES = 500, 400, 150
STATED_POWER = 0.9
"""Share of the planted regressions that the gate is said to reject; the others are undecided, never promoted."""


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tuneloop-gate-") as folder:
        tallies = _simulated(Path(folder))
    _show(tallies, time.monotonic() - started)
    if arguments.json:
        arguments.json.write_text(json.dumps(_document(tallies), indent=1) + "\n")


def _simulated(folder: Path) -> dict[str, Tally]:
    draw_sample_pictures(folder / "pictures")
    files = sorted(file for file in (folder / "pictures").iterdir() if file.suffix != ".txt")
    models = contestants(files, folder)
    equals = models["equal"]
    challengers = [*equals, *models["regression"], *models["copy"]]
    pool = drawn_and_scored((model, other) for other in challengers for model in {*equals, other})
    chance = np.random.default_rng(7)
    tallies: dict[str, Tally] = {}

    def hold(kind: str, challenger: Trained, plan: set[tuple[str, int]]) -> None:
        champion = equals[int(chance.integers(len(equals)))]
        while champion is challenger:
            champion = equals[int(chance.integers(len(equals)))]
        tallies.setdefault(kind, Tally()).add(judged(pool, challenger, champion, plan))

    for number in range(EQUALS):
        hold("equal", equals[number % len(equals)], plan_by_lot(chance))
    for number in range(REGRESSIONS):
        worse = models["regression"][number % len(models["regression"])]
        hold(worse.kind, worse, plan_by_lot(chance))
    for number in range(COPIES):
        learned = models["copy"][number % len(models["copy"])]
        plan = plan_by_lot(chance)
        while not any(learned.is_copy(prompt, seed) for prompt, seed in plan):
            plan = plan_by_lot(chance)
        hold(learned.kind, learned, plan)
    return tallies


def _document(tallies: dict[str, Tally]) -> dict[str, Any]:
    copies = [tally for kind, tally in tallies.items() if "by heart" in kind]
    worse = [tally for kind, tally in tallies.items() if kind != "equal" and "by heart" not in kind]
    return {
        "gates": sum(tally.gates for tally in tallies.values()),
        "aa_false_promotion_rate": tallies["equal"].share("promote"),
        "stated_rate": round(1 - GatePolicy().confidence, 6),
        "regressions_planted": sum(tally.gates for tally in worse),
        "regressions_caught": sum(tally.verdicts["reject"] for tally in worse),
        "stated_power": STATED_POWER,
        "copies_planted": sum(tally.gates for tally in copies),
        "copies_blocked": sum(tally.blocked for tally in copies),
    }


def _show(tallies: dict[str, Tally], seconds: float) -> None:
    table = Table(title="Challengers against equal champions, plans of 6 to 24 pictures")
    for column in ("challenger", "gates", "promoted", "undecided", "rejected", "as a copy"):
        table.add_column(column, justify="left" if column == "challenger" else "right")
    for kind, tally in tallies.items():
        shares = (f"{tally.share(verdict):.1%}" for verdict in ("promote", "undecided", "reject"))
        table.add_row(kind, str(tally.gates), *shares, str(tally.blocked))
    console = Console()
    console.print(table)
    document = _document(tallies)
    console.print(
        f"Equal models promoted: {document['aa_false_promotion_rate']:.1%} (stated: at most "
        f"{document['stated_rate']:.0%}). Regressions rejected: {document['regressions_caught']} of "
        f"{document['regressions_planted']} (stated: {STATED_POWER:.0%}). Copies blocked: "
        f"{document['copies_blocked']} of {document['copies_planted']}. {seconds:.0f} s."
    )


if __name__ == "__main__":
    main()

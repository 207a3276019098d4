"""Simulate gates on the emulator's images: how often are equals promoted, regressions found, copies blocked?"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.gate.datasets import draw_dataset
from benchmarks.gate.gates import Tally, judged, plan_by_lot
from benchmarks.gate.kinds import KINDS
from benchmarks.gate.models import Trained, contestants
from benchmarks.gate.pool import Pairing, Pool, drawn_and_scored
from tuneloop.schemas.evaluation import GatePolicy, GateResult

LOT = 11
"""Which subjects are drawn. No threshold was chosen on them; who changes one by what this says draws another."""
EQUALS, REGRESSIONS, COPIES = 100, 80, 40
"""Gates on each dataset."""
CHAMPIONS = 1
"""Equal models that every other challenger may meet; the equal ones meet each other."""
STATED_POWER = 0.85
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


def _simulated(folder: Path) -> dict[tuple[str, str], Tally]:
    """Hold every gate. Returns what they came to, by dataset and by what was wrong with the challenger."""
    models = {kind: contestants(draw_dataset(kind, LOT, folder / kind), folder / kind) for kind in KINDS}
    pool = drawn_and_scored(pair for each in models.values() for pair in _pairings(each))
    chance = np.random.default_rng(LOT)
    tallies: dict[tuple[str, str], Tally] = {}
    for dataset, each in models.items():
        for group, gates in (("equal", EQUALS), ("regression", REGRESSIONS), ("copy", COPIES)):
            for number in range(gates):
                challenger = each[group][number % len(each[group])]
                verdict = _held(pool, challenger, each["equal"], chance)
                tallies.setdefault((dataset, challenger.kind), Tally(group)).add(verdict)
    return tallies


def _pairings(models: dict[str, list[Trained]]) -> Iterator[Pairing]:
    equals = models["equal"]
    for challenger in (*equals, *models["regression"], *models["copy"]):
        champions = equals if challenger in equals else equals[:CHAMPIONS]
        yield from ((model, challenger.files) for model in (*champions, challenger))


def _held(pool: Pool, challenger: Trained, equals: list[Trained], chance: np.random.Generator) -> GateResult:
    """One gate, against another equal model, on a plan by lot; one with a copy in it where copies are planted."""
    champions = [one for one in equals if one is not challenger] if challenger in equals else equals[:CHAMPIONS]
    champion = champions[int(chance.integers(len(champions)))]
    plan = plan_by_lot(chance)
    while challenger.copies and not any(challenger.is_copy(prompt, seed) for prompt, seed in plan):
        plan = plan_by_lot(chance)
    return judged(pool, challenger, champion, plan)


def _document(tallies: dict[tuple[str, str], Tally]) -> dict[str, Any]:
    equal, worse, copies = (
        Tally.sum(tally for tally in tallies.values() if tally.group == group)
        for group in ("equal", "regression", "copy")
    )
    return {
        "gates": equal.gates + worse.gates + copies.gates,
        "aa_false_promotion_rate": equal.share("promote"),
        "stated_rate": round(1 - GatePolicy().confidence, 6),
        "regressions_planted": worse.gates,
        "regressions_caught": worse.verdicts["reject"],
        "stated_power": STATED_POWER,
        "copies_planted": copies.gates,
        "copies_blocked": copies.blocked,
    }


def _show(tallies: dict[tuple[str, str], Tally], seconds: float) -> None:
    console = Console()
    for at, title in enumerate(("dataset", "challenger")):
        table = Table(title="Challengers against equal champions, plans of 12 to 24 images")
        for column in (title, "group", "gates", "promoted", "undecided", "rejected", "as a copy"):
            table.add_column(column, justify="left" if column in {title, "group"} else "right")
        for name, group in dict.fromkeys((key[at], tally.group) for key, tally in tallies.items()):
            rows = [tally for key, tally in tallies.items() if (key[at], tally.group) == (name, group)]
            tally = Tally.sum(rows)
            shares = (f"{tally.share(verdict):.1%}" for verdict in ("promote", "undecided", "reject"))
            table.add_row(name, group, str(tally.gates), *shares, str(tally.blocked))
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

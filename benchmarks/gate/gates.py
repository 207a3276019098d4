"""Simulated gates: a plan is drawn by lot, and the gate decides between two models on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.gate.models import PROMPTS, SEEDS, Trained
from benchmarks.gate.pool import Pool
from tuneloop.evaluation.gate import apply_gate
from tuneloop.schemas.evaluation import Evaluation, GatePolicy, GateResult


@dataclass
class Tally:
    """What the gates of one kind came to.

    Attributes:
        group: What the challengers were: `equal`, `regression` or `copy`.
        verdicts: How often each verdict was given.
        blocked: Gates that were rejected for copies.
    """

    group: str
    verdicts: Counter[str] = field(default_factory=Counter)
    blocked: int = 0

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of one group together."""
        total = cls("")
        for tally in tallies:
            total.group = tally.group
            total.verdicts += tally.verdicts
            total.blocked += tally.blocked
        return total

    @property
    def gates(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

    def add(self, verdict: GateResult) -> None:
        """Count one."""
        self.verdicts[verdict.verdict] += 1
        self.blocked += "copy a training image" in verdict.reason

    def share(self, verdict: str) -> float:
        """Share of one verdict."""
        return self.verdicts[verdict] / self.gates if self.gates else 0.0


def plan_by_lot(chance: np.random.Generator) -> set[tuple[str, int]]:
    """A plan of the default size or a larger one: three or four prompts, four to six seeds."""
    prompts = chance.choice(PROMPTS, int(chance.integers(3, len(PROMPTS) + 1)), replace=False)
    seeds = chance.choice(SEEDS, int(chance.integers(4, len(SEEDS) + 1)), replace=False)
    return {(str(prompt), int(seed)) for prompt in prompts for seed in seeds}


def judged(pool: Pool, challenger: Trained, champion: Trained, plan: set[tuple[str, int]]) -> GateResult:
    """Let the gate decide, with its default policy, as the pipeline would."""
    new = _part(pool[challenger, challenger.files], plan)
    old = _part(pool[champion, challenger.files], plan)
    return apply_gate(new, old, GatePolicy())


def _part(evaluation: Evaluation, plan: set[tuple[str, int]]) -> Evaluation:
    kept = tuple(image for image in evaluation.images if (image.prompt, image.seed) in plan)
    return evaluation.model_copy(update={"images": kept})

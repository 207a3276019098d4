"""Several models in order, by the scores of the gate. Pure: images' scores in, places out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneloop.evaluation.gate import apply_gate
from tuneloop.schemas.evaluation import Evaluation, GatePolicy, GateResult, ScoreDifference


@dataclass(frozen=True)
class Contender:
    """A model to be ranked: its scored images, and those of the champion by the same measure, if there is one."""

    evaluation: Evaluation
    champion: Evaluation | None = None


@dataclass(frozen=True)
class Ranked:
    """One model's place.

    Attributes:
        index: Of the contender among those that were given.
        result: What the gate says about it: against the champion, else against `rival`.
        rival: Index of the contender that it was compared with; None for the champion, or where there is nobody.
    """

    index: int
    result: GateResult
    rival: int | None = None

    @property
    def passes(self) -> bool:
        """Whether it meets every threshold: no model that does not can be promoted."""
        return not (self.result.by_thresholds and self.result.verdict == "reject")

    @property
    def whole(self) -> ScoreDifference | None:
        """The weighted score; None where no image could be measured."""
        return self.result.differences[0] if self.result.differences else None


def rank(contenders: Sequence[Contender], policy: GatePolicy) -> list[Ranked]:
    """Put models in order, the best one first.

    Those that miss a threshold come last. The others are in the order of their weighted score: of its difference
    to the champion's where there is one. Without one, each is compared with the best of the others.
    """
    asking = policy.model_copy(update={"undecided": "review"})
    against_champion = [
        Ranked(index, apply_gate(each.evaluation, each.champion, asking)) for index, each in enumerate(contenders)
    ]
    ranked = sorted(against_champion, key=_order)
    if any(each.champion for each in contenders):
        return ranked
    measured = [one.index for one in ranked if one.passes and one.whole]

    def compared(one: Ranked) -> Ranked:
        rival = next((index for index in measured if index != one.index), None)
        if rival is None or one.index not in measured:
            return one
        pair = contenders[one.index].evaluation, contenders[rival].evaluation
        return Ranked(one.index, apply_gate(*pair, asking), rival)

    return [compared(one) for one in ranked]


def _order(one: Ranked) -> tuple[bool, float, int]:
    whole = one.whole
    if whole is None:
        return not one.passes, float("inf"), one.index
    level = whole.challenger if whole.difference is None else whole.difference
    return not one.passes, -level, one.index

"""The budget of one account, for which two trainings compete: one may be paid.

How a lost answer is resolved is the business of the other world. Here the list shows every job at once, or, where
it is not trusted, any job or none. A claim passes three ages: the last byte may leave, what was sent may be
accepted, all margins have passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model import budget_steps
from tests.model.budget_state import HELD, PAID, SETTLED, State, Training
from tests.model.rules import EVERY_RULE, Rules

LIMIT = 1


@dataclass(frozen=True)
class Budget:
    """One account with a limit of one training.

    Attributes:
        trainings: How many training keys compete.
        attempts: How many attempts each may have.
        processes: How many processes may be alive at once.
        each: How many of them may work on the same training.
        trusted: Whether the provider's list shows every accepted job.
        decides: Whether a person may give up what is held, or approve another submit of what is in doubt.
        approves: Whether each training is held for its attempts first, and a person lets through what is held.
        rules: What every process keeps to.
    """

    trainings: int = 2
    attempts: int = 2
    processes: int = 2
    each: int = 2
    trusted: bool = True
    decides: bool = False
    approves: bool = False
    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State((Training(),) * self.trainings)

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        yield from budget_steps.steps(self, state)

    def wrong(self, state: State) -> str | None:
        # Both jobs of an approval count as one: the second is the person's own.
        # So is what a person lets over the limit.
        paid = [
            any(job in PAID for job in training.jobs) + training.left_behind
            for training in state.trainings
            if HELD not in training.waived
        ]
        if sum(paid) > LIMIT:
            return "more was paid than the limit allows"
        slots = [(slot.training, slot.attempt) for slot in state.slots]
        if len(slots) != len(set(slots)):
            return "one training has two slots"
        return None

    def finished(self, state: State) -> bool:
        return not state.processes and all(training.record in SETTLED for training in state.trainings)

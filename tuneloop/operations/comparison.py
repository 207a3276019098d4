"""What a comparison would cost, held to its one budget before anything is paid."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.operations.plan import RunPlan
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.spending import dollars


class ComparedCost(FrozenModel):
    """What one model of a comparison still costs. The champion costs images alone."""

    what: str
    """Whose costs they are, in words."""
    credentials: str
    """Slug of the block of the account that pays."""
    training_cents: int | None
    """Price of the training; 0 where it is there already, None if unknown."""
    images: int
    """How many of its images the store lacks."""
    cents_per_image: float | None
    """Price of one image, None if unknown."""

    @property
    def missing_prices(self) -> list[str]:
        """The settings that have to be filled in to know what it costs."""
        training = [] if self.training_cents is not None else ["spending.dollars_per_training"]
        images = [] if self.cents_per_image is not None or not self.images else ["spending.dollars_per_image"]
        return training + images

    @property
    def cents(self) -> int:
        """All of it, in US cents; prices that are not known count nothing."""
        return (self.training_cents or 0) + math.ceil(self.images * (self.cents_per_image or 0))


class ComparisonPlan(FrozenModel):
    """What a comparison would do and cost."""

    name: str
    model: str
    plans: tuple[RunPlan, ...]
    """Of the candidates, in their order."""
    costs: tuple[ComparedCost, ...]
    """Of the candidates in their order, then of the champion if its images are missing."""
    budget_cents: int

    @property
    def cents(self) -> int:
        return sum(cost.cents for cost in self.costs)


def check_budget(costs: Sequence[ComparedCost], budget_cents: int, spent_cents: int = 0) -> int:
    """Hold the sum of all costs to what is left of a budget. Returns it, in US cents.

    Raises:
        ConfigurationError: A price is not known; the message names the setting to fill in.
        BudgetExceeded: They cost more.
    """
    nothing = "Nothing more was paid" if spent_cents else "Nothing was paid"
    unknown = [
        f"{cost.what}: set {' and '.join(cost.missing_prices)} in {cost.credentials}"
        for cost in costs
        if cost.missing_prices
    ]
    if unknown:
        raise ConfigurationError(
            f"budget: all prices of a comparison must be known. {nothing}. {'; '.join(unknown)}"
        )
    total = sum(cost.cents for cost in costs)
    if spent_cents + total > budget_cents:
        parts = ", ".join(f"{cost.what} {dollars(cost.cents)}" for cost in costs)
        spent = f", of which {dollars(spent_cents)} is spent" if spent_cents else ""
        raise BudgetExceeded(
            f"budget: the comparison would cost {dollars(total)} ({parts}), but its budget is "
            f"{dollars(budget_cents)}{spent}. {nothing}. Raise the budget, or name fewer recipes, prompts or seeds"
        )
    return total

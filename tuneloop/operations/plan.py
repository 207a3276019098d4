"""What a run would do and cost, by the records alone: nothing is written, no provider is queried."""

from __future__ import annotations

import math
from typing import Literal

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.ledger.attempts import needs_approval
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.dataset import DatasetDifference, DatasetManifest
from tuneloop.schemas.evaluation import OUTCOMES
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import Claimed, Collected, Held, Promotion, RunRecord, Submitted, Trained
from tuneloop.schemas.spending import Spending, SpendingLimits, dollars, missing_prices

Action = Literal["train", "on hold", "resume", "evaluate", "nothing"]


class RunPlan(FrozenModel):
    """What a run would do; `job` and `key` are its training's."""

    model: str
    action: Action
    summary: str
    """The action in a sentence."""
    reasons: tuple[str, ...]
    """Reasons, the most informative one first."""
    job: str
    key: str
    images: int
    difference: DatasetDifference | None
    """Against the champion's dataset; None without a champion."""
    cents: int | None
    """Price of the training that would be submitted: 0 for none, None if unknown."""
    price_basis: str | None
    """What the price was computed from; None without a price."""
    renders: int
    """Images that the plan renders with each model."""
    cents_per_image: float | None
    """Price of one of them, None if unknown."""
    budget: str
    credentials: str
    """Slug of the block of the account that pays."""

    @property
    def missing_prices(self) -> str | None:
        """What to fill in to see what all of it costs; None where that is known, or nothing is paid."""
        nothing = self.action == "nothing"
        return missing_prices(self.credentials, self.cents, 0 if nothing else self.cents_per_image)

    @property
    def price(self) -> str | None:
        """The price in dollars, None if unknown."""
        if self.cents is None:
            return None
        return dollars(self.cents) + (f" ({self.price_basis})" if self.price_basis else "")

    @property
    def evaluation(self) -> str:
        """What is rendered, and its price as people write it."""
        if self.action == "nothing":
            return "nothing is rendered"
        price = self.cents_per_image
        cost = "" if price is None else f", {dollars(math.ceil(self.renders * price))} at most"
        return f"{self.renders} images of each model{cost}; those that were rendered before cost nothing"


def plan_run(
    ledger: Ledger,
    run: RunRecord,
    manifest: DatasetManifest,
    limits: SpendingLimits,
    cents: int | None,
    price_basis: str | None = None,
) -> RunPlan:
    """Plan a run as it would go now, if its training costs so many cents; the ledger is only read."""
    training = TrainingLog.of(ledger, run)
    budget = Budget(ledger, run.account, limits)
    champion = ledger.champion(run.model)
    before = load_manifest(champion.dataset_digest, ledger.store) if champion else None
    difference = DatasetDifference.between(before, manifest) if before else None
    action, summary = _action(ledger, run, training, budget, cents)
    pays = action in {"train", "on hold"}
    return RunPlan(
        model=run.model,
        action=action,
        summary=summary,
        reasons=tuple(_reasons(ledger, run, champion, difference)),
        job=training.name,
        key=run.key,
        images=len(manifest.items),
        difference=difference,
        cents=cents if pays else 0,
        price_basis=price_basis if pays else None,
        renders=run.plan.image_count,
        cents_per_image=limits.price_of_image(run.plan.service),
        budget=_left(budget.spending(now().date()), limits),
        credentials=run.credentials,
    )


def _action(
    ledger: Ledger, run: RunRecord, training: TrainingLog, budget: Budget, cents: int | None
) -> tuple[Action, str]:
    last = training.last
    if last is None:
        held = needs_approval(ledger.history(run.key), run) or budget.hold_reason(cents)
        submitted = f"{training.name} would be submitted to {run.account.slug}"
        return ("on hold", f"{training.name} would be held: {held}") if held else ("train", submitted)
    if isinstance(last, Held):
        return "on hold", f"{last.name} is on hold: {last.reason}"
    if isinstance(last, Claimed | Submitted | Trained):
        return "resume", f"{last.name} is {last.state} already: the run would wait for it and pay nothing"
    if isinstance(last, Collected):
        decision = Registry(ledger).applied_decision(run)
        if decision is None:
            return "evaluate", "the stored weights would be rendered and evaluated; nothing would be trained"
        outcome = OUTCOMES[decision.verdict]
        return "nothing", f"trained and evaluated on {decision.created_at:%Y-%m-%d %H:%M} UTC: {outcome}"
    return "nothing", f"{last.name} is {last.state}: {last.reason}. Set force_reason to train once more"


def _reasons(
    ledger: Ledger, run: RunRecord, champion: Promotion | None, difference: DatasetDifference | None
) -> list[str]:
    reasons = [f"requested: {run.retrain_reason}"] if run.retrain_reason else []
    if champion is None:
        reasons.append("the model has no champion yet")
    elif difference is not None:
        if difference.any:
            reasons.append(f"dataset: {difference.summary}, compared with champion v{champion.number}")
        elif champion.key != run.key:
            reasons.append(f"the recipe or the account differs from that of champion v{champion.number}")
        else:
            reasons.append(f"champion v{champion.number} was trained on the same dataset with the same recipe")
    if run.attempt > 1 and not run.retrain_reason:
        ends = [record for record in ledger.history(run.key) if record.attempt == run.attempt - 1]
        if ends:
            reasons.append(f"attempt {run.attempt - 1} came to nothing: {ends[-1].state}")
    return reasons


def _left(spending: Spending, limits: SpendingLimits) -> str:
    per_day, per_window = limits.trainings_per_day, limits.cents_per_window
    day = "" if per_day is None else f" of {per_day}"
    money = "" if per_window is None else f" of {dollars(per_window)}"
    return (
        f"{spending.trainings_today}{day} trainings used today (UTC); "
        f"{dollars(spending.cents)}{money} used in the 30 days to {spending.ends}"
    )

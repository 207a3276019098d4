"""One payment per training: claim, reserve, and one POST bound to a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from tuneloop.budget import Budget
from tuneloop.clock import Deadline, now
from tuneloop.doubt import find_submitted, record_id
from tuneloop.errors import (
    OverBudget,
    ProviderError,
    RateLimited,
    RecordTaken,
    RequestRefused,
    SubmissionUncertain,
    TrainingHeld,
)
from tuneloop.generations import too_many_attempts
from tuneloop.ledger import Ledger
from tuneloop.providers.provider import Archive, Provider
from tuneloop.training_state import Training, read_training
from tuneloop.transport import NotSent
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.records import Claimed, Held, HeldKind, Rejected, RunFile, Submitted
from tuneloop.values.spending import Limits
from tuneloop.values.training import UploadedDataset

PROCESS = uuid4().hex
"""Nonce of this process: the same flow run, started again, is another process."""


@dataclass(frozen=True)
class Order:
    """What is to be paid for.

    Attributes:
        run: What the flow run works on.
        recipe: The recipe, as validated.
        dataset: The uploaded zip.
        archive: The zip itself, for providers that take it within the submit.
        limits: What the account may spend.
        approval: The reason with which a person lets a held training through, None where nobody was asked.
    """

    run: RunFile
    recipe: RecipeFields
    dataset: UploadedDataset
    archive: Archive
    limits: Limits
    approval: str | None = None

    @property
    def cents(self) -> int | None:
        """Price in US cents, None where nobody knows it."""
        return price_of(self.recipe, self.limits)


def price_of(recipe: RecipeFields, limits: Limits) -> int | None:
    """What a training costs in US cents: as the user has set it, else as the provider publishes it."""
    return recipe.cents if limits.cents_per_training is None else limits.cents_per_training


def submit_training(ledger: Ledger, provider: Provider, training: Training, order: Order) -> Submitted:
    """Claim the training, reserve its price and submit it with one POST.

    Args:
        ledger: The ledger.
        provider: The account that pays.
        training: Where it stood when the submit was decided. Whatever was written since then forbids it.
        order: What is to be paid for.

    Raises:
        RecordTaken: Another run has claimed it first; read the ledger again.
        TrainingHeld: A person must let it through; nothing was sent.
        ProviderError: Nothing was accepted (recorded as rejected).
        SubmissionUncertain: Nobody can tell yet; the claim stands.
    """
    _check_nobody_else_is_at_it(training, order)
    budget = Budget(ledger, provider.account, order.limits)
    budget.check_price(order.cents)
    deadline = Deadline(provider.margins.claim_s)
    claim = _claim(ledger, training, order, deadline, provider)
    ledger.append(training.key, training.last or training.previous, claim)
    _reserve_or_hold(ledger, budget, training, claim, order)
    try:
        job_id = provider.submit(claim.name, order.recipe, order.dataset, order.archive, deadline)
    except (RequestRefused, RateLimited, NotSent) as error:
        ledger.append(training.key, claim, _refused(claim, error, training))
        raise
    except ProviderError as error:
        found = _look_once(ledger, provider, training)
        if found is not None:
            return found
        raise SubmissionUncertain(
            f"the submit of {claim.name} had no clear answer: {error}. It is looked for in the provider's "
            f"list; nobody submits it again before {claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC"
        ) from None
    return record_id(ledger, read_training(ledger, training.key, training.generation), job_id, "answer")


def _check_nobody_else_is_at_it(training: Training, order: Order) -> None:
    """Refuse to claim over a claim that may still end in a payment, and over a hold without a person's word."""
    last = training.last
    if isinstance(last, Claimed) and now() <= last.take_over_after:
        raise RecordTaken(f"{training.name} is claimed by run {last.flow_run}; nobody else submits it yet")
    if isinstance(last, Held) and not order.approval:
        raise TrainingHeld(f"{training.name} is held: {last.reason}")


def _claim(ledger: Ledger, training: Training, order: Order, deadline: Deadline, provider: Provider) -> Claimed:
    run, before = order.run, training.last
    budget = Budget(ledger, provider.account, order.limits)
    first = training.first
    return Claimed(
        at=deadline.started,
        generation=run.generation,
        name=training.name,
        nonce=PROCESS,
        flow_run=run.flow_run,
        until=deadline.until,
        take_over_after=deadline.until + provider.margins.in_doubt,
        account=run.account,
        credentials=run.credentials,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
        budget_slot=first.budget_slot if first else budget.last_slot(deadline.started.date()),
        # Who takes over a claim that a person has approved need not ask again.
        approval=order.approval or (before.approval if isinstance(before, Claimed) else None),
    )


def _reserve_or_hold(ledger: Ledger, budget: Budget, training: Training, claim: Claimed, order: Order) -> None:
    """Let a claim through to its POST, or hand it to a person."""
    reason = None if claim.approval else too_many_attempts(ledger.history(training.key), claim.generation)
    kind: HeldKind = "attempts"
    if reason is None:
        try:
            budget.reserve(order.run, order.cents, claim, training.first or claim)
        except OverBudget as error:
            reason, kind = str(error), "budget"
        else:
            return
    held = Held(at=now(), generation=claim.generation, name=claim.name, reason=reason, kind=kind)
    ledger.append(training.key, claim, held)
    raise TrainingHeld(f"{claim.name} is held: {reason}")


def _look_once(ledger: Ledger, provider: Provider, training: Training) -> Submitted | None:
    """Look a job up just after its submit; a list that fails says nothing."""
    try:
        return find_submitted(ledger, provider, training.key, training.generation)
    except ProviderError:
        return None


def _refused(claim: Claimed, error: ProviderError, training: Training) -> Rejected | Held:
    """The end of a submit that was refused.

    Where an earlier one of the same generation may have been accepted, its refusal says nothing about that one:
    a person goes on deciding.
    """
    if not training.doubted:
        return Rejected(at=now(), generation=claim.generation, name=claim.name, reason=str(error))
    reason = f"the submit that a person has approved was refused, and the one before it stays in doubt: {error}"
    return Held(at=now(), generation=claim.generation, name=claim.name, reason=reason, kind="uncertain")

"""One payment per training: claim, reserve, and one POST bound to a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import uuid4

from tuneloop.clock import Deadline, now
from tuneloop.errors import (
    AmbiguousSubmit,
    AuthenticationFailed,
    BudgetExceeded,
    ProviderError,
    RateLimited,
    RecordConflict,
    RequestRejected,
    TrainingOnHold,
    UnexpectedResponse,
)
from tuneloop.http.transport import RequestNotSent
from tuneloop.ledger.accounts import JobNameCache
from tuneloop.ledger.attempts import needs_approval
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.evidence import (
    check_clock,
    follow_earlier_job,
    unreadable_job,
    why_not_again,
    with_ended_ones,
)
from tuneloop.ledger.reconciliation import find_submitted, record_job_id
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import DeliveredDataset, Price, Provider
from tuneloop.providers.status_errors import is_refusal
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import Claimed, Held, Rejected, RunRecord, Submitted
from tuneloop.schemas.spending import Spending, SpendingLimits, window_of
from tuneloop.schemas.training import JobList

PROCESS = uuid4().hex
"""Nonce of this process: the same flow run, started again, is another process."""


@dataclass(frozen=True)
class SubmitRequest:
    """What is to be paid for.

    Attributes:
        approval: The reason with which a held training was approved.
        manifest: What is in the dataset, for providers whose price depends on it.
    """

    run: RunRecord
    recipe: BaseRecipe
    dataset: DeliveredDataset
    limits: SpendingLimits
    approval: str | None = None
    manifest: DatasetManifest | None = None


def quoted_price(
    provider: Provider, recipe: BaseRecipe, limits: SpendingLimits, dataset: DatasetManifest | None = None
) -> Price | None:
    """What a training costs: as the user has set it, else as the provider says; None if unknown."""
    if limits.cents_per_training is not None:
        return Price(limits.cents_per_training, "set in the credentials block")
    return provider.price(recipe, dataset)


def training_price(
    provider: Provider, recipe: BaseRecipe, limits: SpendingLimits, dataset: DatasetManifest | None = None
) -> int | None:
    """What a training costs in US cents, see `quoted_price`."""
    price = quoted_price(provider, recipe, limits, dataset)
    return None if price is None else price.cents


def submit_training(provider: Provider, training: TrainingLog, request: SubmitRequest) -> Submitted:
    """Look for a job that is there already, claim the training, reserve its price and submit it with one POST.

    Whatever was written since `training` was read forbids it.

    Raises:
        RecordConflict: Another run has claimed it first; read the ledger again.
        TrainingOnHold: It needs approval.
        ConfigurationError: A price, a limit or this host's clock is wrong; nothing was claimed.
        ProviderError: Nothing was accepted: recorded as rejected where it was claimed.
        AmbiguousSubmit: It may have been accepted; the claim stands.
    """
    _check_claimable(training, request)
    ledger = training.ledger
    budget = Budget(ledger, provider.account, request.limits)
    cents = training_price(provider, request.recipe, request.limits, request.manifest)
    budget.require_price(cents)
    spending = budget.check_readable(request.run, cents, training.first)
    if provider.job_names is None:
        provider.job_names = JobNameCache(ledger.store, provider.account.slug)
    shown = provider.find(training.stem, training.since).recorded_as(training.job_ids)
    earlier = follow_earlier_job(training, with_ended_ones(provider, training, shown))
    if earlier is not None:
        return earlier
    check_clock(provider)
    _hold_if_it_may_be_there(provider, training, request, shown)
    deadline = Deadline(provider.margins.claim_s)
    claim = _claim(spending, training, request, deadline, provider)
    training.append(claim)
    if isinstance(training.last, Held):
        ledger.mark(request.run)  # whoever has given that up meanwhile has taken the marker away
    claimed = _claimed(training, claim)
    _hold_if_unreadable(training, claimed, shown)
    _reserve_or_hold(budget, claimed, claim, request, cents)
    return _post(provider, claimed, request, deadline)


def _check_claimable(training: TrainingLog, request: SubmitRequest) -> None:
    """Reject a claim beside what may still end in a payment, and over a hold without approval."""
    last = training.last
    if training.not_before is not None and now() <= training.not_before:
        raise RecordConflict(
            f"the submit before {training.name} was rejected too recently; nothing is submitted yet"
        )
    if isinstance(last, Claimed) and now() <= last.take_over_after:
        raise RecordConflict(f"{training.name} is claimed by run {last.flow_run}; no other run submits it yet")
    if isinstance(last, Held) and not request.approval:
        raise _held(last)


def _claim(
    spent: Spending, training: TrainingLog, request: SubmitRequest, deadline: Deadline, provider: Provider
) -> Claimed:
    run, before, first = request.run, training.last, training.first
    # Who takes over an approved claim need not ask again.
    approval, waived = request.approval, set(training.claim.waived if training.claim else ())
    if isinstance(before, Claimed):
        approval = approval or before.approval
    elif isinstance(before, Held):
        waived.add(before.kind)
    # As it was before the claim; where a new window has begun since then, all of it comes after.
    seen = spent.slots if spent.window == window_of(deadline.started.date()) else 0
    return Claimed(
        created_at=deadline.started,
        attempt=run.attempt,
        name=training.name,
        nonce=PROCESS,
        flow_run=run.flow_run,
        submit_deadline=deadline.until,
        take_over_after=deadline.until + provider.margins.ambiguous_for,
        account=run.account,
        credentials=run.credentials,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
        budget_slot=first.budget_slot if first else seen,
        approval=approval,
        waived=tuple(sorted(waived)),
    )


def _claimed(training: TrainingLog, claim: Claimed) -> TrainingLog:
    """Read the claimed training. Raises `RecordConflict` where a job of its name was found meanwhile."""
    claimed = training.reread()
    if claimed.last is None or claimed.last.writer_id != claim.writer_id:
        raise RecordConflict(f"{training.name} has moved on since it was claimed; nothing was sent")
    return claimed


def _hold_if_it_may_be_there(
    provider: Provider, training: TrainingLog, request: SubmitRequest, shown: JobList
) -> None:
    """Hold a claim that came to nothing, unless the list proves that it did."""
    if isinstance(training.last, Claimed):
        reason = why_not_again(provider, training, request.run.credentials, shown)
        if reason is not None:
            raise _held(training.hold("uncertain", reason))


def _hold_if_unreadable(before: TrainingLog, claimed: TrainingLog, shown: JobList) -> None:
    """Hold a claim whose job is there and cannot be read, unless that was just approved."""
    answered = isinstance(before.last, Held) and before.last.kind == "uncertain"
    reason = None if answered else unreadable_job(before, shown)
    if reason is not None:
        raise _held(claimed.hold("uncertain", reason, sent=False))


def _reserve_or_hold(
    budget: Budget, training: TrainingLog, claim: Claimed, request: SubmitRequest, cents: int | None
) -> None:
    if "attempts" not in claim.waived:
        reason = needs_approval(training.history, request.run)
        if reason is not None:
            raise _held(training.hold("attempts", reason))
    try:
        budget.reserve(request.run, cents, claim, training.first or claim)
    except BudgetExceeded as error:
        raise _held(training.hold("budget", str(error))) from None


def _post(provider: Provider, claimed: TrainingLog, request: SubmitRequest, deadline: Deadline) -> Submitted:
    try:
        accepted = provider.submit(claimed.name, request.recipe, request.dataset, deadline)
    except RequestNotSent as error:
        _record_rejection(claimed, request, error, settled_after=None)
        raise
    except (RequestRejected, RateLimited) as error:
        return _found_despite_rejection(provider, claimed, request, error)
    except ProviderError as error:
        return _found_or_ambiguous(provider, claimed, error)
    submitted = record_job_id(claimed.reread(), accepted, "answer")
    # Whoever has closed the attempt meanwhile has taken the marker away.
    claimed.ledger.mark(request.run)
    return submitted


def _found_despite_rejection(
    provider: Provider, claimed: TrainingLog, request: SubmitRequest, error: ProviderError
) -> Submitted:
    """Look for a job whose submit was rejected: only a list that lacks it makes the rejection an end.

    Raises:
        ProviderError: The rejection, recorded.
        AmbiguousSubmit: There is no list; the claim stands.
    """
    try:
        found = find_submitted(provider, claimed)
    except ProviderError as second:
        # A key that is rejected for both was let in for neither.
        if not (isinstance(error, AuthenticationFailed) and isinstance(second, AuthenticationFailed)):
            raise AmbiguousSubmit(
                f"the submit of {claimed.name} was rejected ({error}), and the list that could show that it "
                f"had no effect failed: {second}"
            ) from None
        _record_rejection(claimed, request, error, settled_after=None)
        raise error from None
    if found is None:
        # So soon after the submit the list may lack it all the same.
        settled_after = claimed.claim.take_over_after if claimed.claim else None
        _record_rejection(claimed, request, error, settled_after)
        raise error
    return _submitted_or_held(found)


def _found_or_ambiguous(provider: Provider, claimed: TrainingLog, error: ProviderError) -> Submitted:
    """Look for a job whose submit was ambiguous.

    Raises:
        TrainingOnHold: Waiting would not make it clearer, or it is the second time.
        AmbiguousSubmit: The claim stands until every margin has passed.
    """
    try:
        found = find_submitted(provider, claimed)
    except ProviderError:
        found = None  # a list that fails says nothing
    if found is None:
        reason = _why_held(claimed, error)
        if reason is None:
            until = f"{claimed.claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC" if claimed.claim else "then"
            raise AmbiguousSubmit(
                f"the submit of {claimed.name} was ambiguous: {error}. It is looked for in the provider's "
                f"list; it is not submitted again before {until}"
            ) from None
        found = claimed.hold("uncertain", reason)
    return _submitted_or_held(found)


def _why_held(claimed: TrainingLog, error: ProviderError) -> str | None:
    if isinstance(error, UnexpectedResponse) and HTTPStatus(200) <= (error.status or 0) < HTTPStatus(300):
        return f"the submit of {claimed.name} was answered, but not with a job's id: {error}"
    if claimed.submits > 1:
        return f"{claimed.submits} submits of {claimed.name} were ambiguous, the last one: {error}"
    return None


def _submitted_or_held(found: Submitted | Held) -> Submitted:
    if isinstance(found, Held):
        raise _held(found) from None
    return found


def _held(held: Held) -> TrainingOnHold:
    return TrainingOnHold(f"{held.name} is on hold: {held.reason}")


def _record_rejection(
    claimed: TrainingLog, request: SubmitRequest, error: ProviderError, settled_after: datetime | None
) -> None:
    """Record a rejected submit. It says nothing about an earlier one of the attempt that was ambiguous."""
    if claimed.had_ambiguous_submit:
        reason = f"the submit that was approved was rejected, and the one before it is still ambiguous: {error}"
        claimed.hold("uncertain", reason)
        return
    fields = {**claimed.header(), "reason": str(error), "refused": is_refusal(error)}
    rejected = Rejected(**fields, settled_after=settled_after)
    claimed.append_failure(request.run, rejected)

"""From a chosen training to its weights in the store, asking the ledger before every step."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta

from prefect.logging import get_run_logger

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import (
    AmbiguousSubmit,
    AuthenticationFailed,
    InvalidWeights,
    NotFoundAtProvider,
    PresignedUrlExpired,
    ProviderError,
    ProviderUnavailable,
    RecordConflict,
    TrainingFailed,
    TrainingOnHold,
)
from tuneloop.ledger.attempts import may_begin
from tuneloop.ledger.collection import hold_if_lost, next_try, note_failed_try
from tuneloop.ledger.evidence import why_not_again
from tuneloop.ledger.reconciliation import find_submitted
from tuneloop.ledger.submission import training_price
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.orchestration import tasks
from tuneloop.orchestration.approvals import abandon_training, request_approval
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import emit_training_event
from tuneloop.orchestration.stages.evaluation_costs import check_evaluation_costs
from tuneloop.orchestration.suspend import wait_for
from tuneloop.schemas.records import (
    Abandoned,
    Claimed,
    Collected,
    Failed,
    Held,
    Rejected,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.schemas.training import Submission

_PASSING = timedelta(hours=1)
"""So long after a training's end, a provider that is down is no reason to try less often."""


def train(ctx: RunContext, run: RunRecord, *, cancelled: bool = False) -> Collected:
    """Submit a training once, wait for it, and collect its weights: from wherever its records stand.

    Where a person has cancelled the run, nothing is submitted any more, but what was paid is collected. Raises
    `TrainingFailed` where the training has come to an end without weights.
    """
    training = TrainingLog.of(ctx.ledger, run)
    if training.last is not None:  # else it is marked when it is begun
        ctx.ledger.mark(run)
    while not isinstance(training.last, Collected):
        collected = _advance(ctx, run, training, cancelled=cancelled)
        if collected is not None:
            return collected
        training = TrainingLog.of(ctx.ledger, run)
    return training.last


def _advance(ctx: RunContext, run: RunRecord, training: TrainingLog, *, cancelled: bool) -> Collected | None:
    """Take the step that the last record asks for. Returns the weights, once they are collected."""
    last = training.last
    if isinstance(last, Submitted):
        _poll_training(ctx, run, training, last)
    elif isinstance(last, Trained):
        return _collect(ctx, run, training, last)
    elif isinstance(last, Claimed):
        _resolve_ambiguous_submit(ctx, run, training, last, cancelled=cancelled)
    elif last is None:
        _begin(ctx, run, training, cancelled=cancelled)
    elif cancelled and isinstance(last, Held) and last.kind in {"budget", "attempts"}:
        _abandon(run, training)
    elif isinstance(last, Held):
        _handle_hold(ctx, run, training, last, cancelled=cancelled)
    elif isinstance(last, Rejected | Failed | Abandoned):
        ctx.ledger.unmark(run)
        raise TrainingFailed(f"training {last.name} is {last.state}: {last.reason}. {_what_next(training, last)}")
    return None


def _what_next(training: TrainingLog, last: Rejected | Failed | Abandoned) -> str:
    """How to go on: a run's attempt never changes, so to repeat the run repeats its end."""
    if isinstance(last, Abandoned) and last.failed_over:
        return "Another trainer has taken its place: only a new run with a reason in force_reason trains it here"
    if not training.ended_unpaid and not (isinstance(last, Abandoned) and last.again):
        return "It counts as paid and is trained again only by a new run with a reason in force_reason"
    return "Start a new run to try again: Retry repeats this one, whose attempt has ended"


def _begin(ctx: RunContext, run: RunRecord, training: TrainingLog, *, cancelled: bool) -> None:
    """Submit the attempt, unless the one before it has come to life again, or may still do so."""
    before, not_before = training.previous, training.not_before
    if before is not None and not may_begin(ctx.ledger, run):
        ctx.ledger.unmark(run)
        raise TrainingFailed(
            f"{before.name} had ended and is {before.state} now, so nothing is paid for {training.name}: start "
            "a new run, which continues that one"
        )
    if cancelled:
        _abandon(run, training)
    elif before is not None and not_before is not None and now() <= not_before:
        ctx.ledger.mark(run)
        wait_for(
            f"Waiting until {not_before:%Y-%m-%d %H:%M:%S} UTC: the submit of {before.name} was rejected, and "
            "only then is the provider's list certain to show a job that was accepted all the same",
            ctx.store_slug,
        )
    else:
        _submit(ctx, run, training, approval=None)


def _submit(ctx: RunContext, run: RunRecord, training: TrainingLog, approval: str | None) -> None:
    """Check that all of it can be paid, upload, which is free, and then search, claim and pay."""
    manifest = load_manifest(run.dataset_digest, ctx.store)
    price = training_price(ctx.provider, ctx.recipe(run), ctx.limits, manifest)
    champion = ctx.ledger.champion(run.model)
    check_evaluation_costs(ctx, run, manifest, champion, (price or 0) if training.first is None else None)
    uploaded = tasks.upload_dataset(ctx, run)
    ctx.check_store()
    if training.last is None:  # else it is marked already
        ctx.ledger.mark(run)
    for pause_s in (*tasks.RETRY_DELAYS_S, None):
        try:
            tasks.submit(ctx, run, training, uploaded, approval)
        except RecordConflict:
            get_run_logger().info("another run has claimed this training first; nothing was submitted here")
        except (AmbiguousSubmit, TrainingOnHold) as error:
            get_run_logger().warning("%s", error)
        except ProviderError as error:
            get_run_logger().warning("%s", error)
            if training.reread().last == training.last:
                # Nothing was claimed: the search before the claim failed, and that may be repeated.
                if pause_s is None or not isinstance(error, ProviderUnavailable):
                    raise
                time.sleep(pause_s)
                continue
        return


def _resolve_ambiguous_submit(
    ctx: RunContext, run: RunRecord, training: TrainingLog, claim: Claimed, *, cancelled: bool
) -> None:
    """Find a claimed job by its name; claim again only after every margin has passed."""
    try:
        if find_submitted(ctx.provider, training) is not None:
            return
        if now() > claim.take_over_after:
            _take_over(ctx, run, training, cancelled=cancelled)
            return
    except RecordConflict:
        return
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
    wait_for(
        f"Waiting for {claim.name}: its submit was ambiguous, and it is not submitted again before "
        f"{claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC",
        ctx.store_slug,
    )


def _take_over(ctx: RunContext, run: RunRecord, training: TrainingLog, *, cancelled: bool) -> None:
    """Continue a claim after every margin: submit again where a list proves that it came to nothing."""
    shown = ctx.provider.find(training.stem, training.since).recorded_as(training.job_ids)
    reason = why_not_again(ctx.provider, training, ctx.credentials_slug, shown)
    if reason is not None:
        training.hold("uncertain", reason)
    elif cancelled:
        _abandon(run, training)
    else:
        _submit(ctx, run, training, approval=None)


def _handle_hold(ctx: RunContext, run: RunRecord, training: TrainingLog, held: Held, *, cancelled: bool) -> None:
    """Ask for approval in the run that claimed; others wait for that."""
    emit_training_event("lost" if held.kind == "lost" else "held", run, held)
    asking = training.claim.flow_run if training.claim else run.flow_run
    if asking != run.flow_run and ctx.ledger.is_marked(run.model_copy(update={"flow_run": asking})):
        wait_for(f"Waiting for the approval of {held.name} in run {asking}: {held.reason}", ctx.store_slug)
        return
    try:
        approval = request_approval(ctx, run, training, held)
        if approval is not None and cancelled:
            abandon_training(run, training, held, f"its run was cancelled; approval: {approval}")
        elif approval is not None:
            _submit(ctx, run, training, approval)
    except RecordConflict:
        get_run_logger().info("%s was decided elsewhere in the meantime", held.name)


def _poll_training(ctx: RunContext, run: RunRecord, training: TrainingLog, submitted: Submitted) -> None:
    provider_status = "not shown yet"
    try:
        status = ctx.provider.get_job(Submission.of(submitted))
    except NotFoundAtProvider as error:
        # Some jobs are not shown just after their submit: no evidence of anything, for days.
        if _is_lost(training, error):
            return
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
    else:
        provider_status = status.provider_status
        if status.phase != "running":
            record = record_progress(ctx.ledger, run, status)
            emit_training_event("failed" if status.phase == "failed" else "trained", run, record)
            return
    wait_for(
        f"Waiting for {run.account.provider} to train {submitted.name} "
        f"(job {submitted.job_id}, {provider_status})",
        ctx.store_slug,
    )


def _collect(ctx: RunContext, run: RunRecord, training: TrainingLog, trained: Trained) -> Collected | None:
    """Collect the weights. What fails now is tried again later, and after days it needs approval."""
    why = "the last attempt to fetch them failed"
    if now() >= next_try(ctx.ledger, trained):
        try:
            return tasks.collect(ctx, run, training)
        except AuthenticationFailed:
            raise
        except (ProviderError, InvalidWeights) as error:
            get_run_logger().warning("%s", error)
            why = str(error)
            passing = isinstance(error, ProviderUnavailable) and not isinstance(error, PresignedUrlExpired)
            if not passing or now() - trained.created_at > _PASSING:
                note_failed_try(ctx.ledger, trained)
            if _is_lost(training, error):
                return None
    wait_for(
        f"Waiting for {run.account.provider} to hand out the weights of {trained.name}: {why}", ctx.store_slug
    )
    return None


def _is_lost(training: TrainingLog, error: Exception) -> bool:
    """Return True if the job or its weights need approval now, or another record was written."""
    try:
        return hold_if_lost(training, str(error)) is not None
    except RecordConflict:
        return True


def _abandon(run: RunRecord, training: TrainingLog) -> None:
    reason = "its run was cancelled by a person before anything was accepted"
    with suppress(RecordConflict):
        training.append_failure(run, Abandoned(**training.header(), reason=reason, paid=False))

"""From a decided training to its weights in the store, asking the ledger before every step."""

from __future__ import annotations

from prefect.logging import get_run_logger

from flows import steps
from flows.asking import approval_for, give_up
from flows.desk import Desk
from flows.judging_costs import check_judging
from flows.telling import tell_training
from flows.waiting import wait_for
from tuneloop.clock import now
from tuneloop.dataset.keep import load_manifest
from tuneloop.doubt import find_submitted, hold_if_unsearchable, may_claim_again
from tuneloop.errors import (
    NotAtProvider,
    ProviderError,
    ProviderUnavailable,
    RecordTaken,
    SubmissionUncertain,
    TrainingFailed,
    TrainingHeld,
)
from tuneloop.submission import price_of
from tuneloop.training_state import Training, read_training, record_progress
from tuneloop.values.records import Abandoned, Claimed, Collected, Held, RunFile, Submitted, Trained


def bring_home(desk: Desk, run: RunFile, *, cancelled: bool) -> Collected:
    """Go from wherever the training stands to its collected weights.

    Args:
        desk: Opened blocks.
        run: What the flow run works on.
        cancelled: A person has cancelled the run: nothing is submitted any more, but what was paid is collected.

    Raises:
        TrainingFailed: The training has come to an end without weights.
    """
    marked = False
    while True:
        training = read_training(desk.ledger, run.key, run.generation)
        last = training.last
        if last is not None and not marked:
            desk.ledger.mark(run)
            marked = True
        if isinstance(last, Submitted):
            _look_at(desk, run, last)
        elif isinstance(last, Trained):
            _collect(desk, run, last)
        elif isinstance(last, Collected):
            return last
        elif isinstance(last, Claimed):
            _find_out_what_became_of(desk, run, training, last, cancelled=cancelled)
        elif cancelled and (last is None or (isinstance(last, Held) and last.kind != "uncertain")):
            _abandon(desk, training)
        elif last is None:
            _submit(desk, run, training, approval=None)
        elif isinstance(last, Held):
            _go_on_from_hold(desk, run, training, last, cancelled=cancelled)
        else:
            desk.ledger.unmark(run)
            raise TrainingFailed(f"training {last.name} is {last.state}: {last.reason}")


def _submit(desk: Desk, run: RunFile, training: Training, approval: str | None) -> None:
    """Look whether all of it can be paid, upload, which is free, and then claim and pay."""
    cents = (price_of(desk.recipe(run), desk.limits) or 0) if training.first is None else None
    check_judging(desk, run, load_manifest(run.dataset_digest, desk.store), cents)
    uploaded = steps.upload_dataset(desk, run)
    desk.ledger.mark(run)
    try:
        steps.submit(desk, run, training, uploaded, approval)
    except RecordTaken:
        get_run_logger().info("another run has claimed this training first; nothing was submitted here")
    except (SubmissionUncertain, TrainingHeld) as error:
        get_run_logger().warning("%s", error)
    except ProviderError as error:
        if not isinstance(read_training(desk.ledger, run.key, run.generation).last, Held):
            raise
        get_run_logger().warning("%s", error)  # a person goes on deciding


def _find_out_what_became_of(
    desk: Desk, run: RunFile, training: Training, claim: Claimed, *, cancelled: bool
) -> None:
    """Look for a claimed job by its name; claim again only after every margin has passed."""
    try:
        if find_submitted(desk.ledger, desk.provider, run.key, run.generation) is not None:
            return
        if hold_if_unsearchable(desk.ledger, desk.provider, training):
            return
        if may_claim_again(desk.provider, training):
            if cancelled:
                _abandon(desk, training)
            else:
                _submit(desk, run, training, approval=None)
            return
    except RecordTaken:
        return
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
    wait_for(
        f"Waiting for {claim.name}: its submit had no clear answer, and nobody submits again before "
        f"{claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC",
        desk.store_slug,
    )


def _go_on_from_hold(desk: Desk, run: RunFile, training: Training, held: Held, *, cancelled: bool) -> None:
    """Ask a person, in the run that claimed; others wait for that answer."""
    tell_training("held", run, held)
    asking = training.claim.flow_run if training.claim else run.flow_run
    if asking != run.flow_run and desk.ledger.is_marked(run.model_copy(update={"flow_run": asking})):
        what = f"Waiting for a person to decide about {held.name} in run {asking}: {held.reason}"
        wait_for(what, desk.store_slug)
        return
    try:
        approval = approval_for(desk, run, training, held)
        if approval is not None and cancelled:
            give_up(desk, training, held, f"its run was cancelled; a person says: {approval}")
        elif approval is not None:
            _submit(desk, run, training, approval)
    except RecordTaken:
        get_run_logger().info("somebody else has decided about %s meanwhile", held.name)


def _look_at(desk: Desk, run: RunFile, submitted: Submitted) -> None:
    """Ask for the job's state; wait where it still runs."""
    word = "not shown yet"
    try:
        status = desk.provider.status(submitted.job_id)
    except NotAtProvider:
        pass  # some jobs are not shown just after their submit: no evidence of anything
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
    else:
        word = status.word
        if status.phase != "running":
            record = record_progress(desk.ledger, run, status)
            tell_training("failed" if status.phase == "failed" else "trained", run, record)
            return
    wait_for(
        f"Waiting for {run.account.provider} to train {submitted.name} (job {submitted.job_id}, {word})",
        desk.store_slug,
    )


def _collect(desk: Desk, run: RunFile, trained: Trained) -> None:
    """Bring the weights home; a provider that is down only delays that."""
    try:
        steps.collect(desk, run)
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
        wait_for(f"Waiting for {run.account.provider} to hand out the weights of {trained.name}", desk.store_slug)


def _abandon(desk: Desk, training: Training) -> None:
    """Close a training that nobody wants any more and nothing was accepted of."""
    record = Abandoned(
        at=now(),
        generation=training.generation,
        name=training.name,
        reason="its run was cancelled by a person before anything was accepted",
        paid=False,
    )
    try:
        desk.ledger.append(training.key, training.last or training.previous, record)
    except RecordTaken:
        return

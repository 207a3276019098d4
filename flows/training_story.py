"""From a decided training to its weights in the store, asking the ledger before every step."""

from __future__ import annotations

from prefect.logging import get_run_logger

from flows import steps
from flows.desk import Desk
from flows.waiting import wait_for
from tuneloop.errors import (
    NotAtProvider,
    ProviderUnavailable,
    RecordTaken,
    SubmissionUncertain,
    TrainingFailed,
)
from tuneloop.submission import (
    Training,
    find_submitted,
    hold_if_unsearchable,
    may_claim_again,
    read_training,
    record_progress,
)
from tuneloop.values.records import Claimed, Collected, RunFile, Submitted, Trained


def bring_home(desk: Desk, run: RunFile) -> Collected:
    """Go from wherever the training stands to its collected weights.

    Raises:
        TrainingFailed: The training has come to an end without weights.
    """
    while True:
        training = read_training(desk.ledger, run.key, run.generation)
        last = training.last
        if last is None:
            _submit(desk, run, training)
        elif isinstance(last, Claimed):
            _find_out_what_became_of(desk, run, training, last)
        elif isinstance(last, Submitted):
            _look_at(desk, run, last)
        elif isinstance(last, Trained):
            steps.collect(desk, run)
        elif isinstance(last, Collected):
            return last
        else:
            if last.state != "held":
                desk.ledger.unmark(run)
            raise TrainingFailed(f"training {last.name} is {last.state}: {last.reason}")


def _submit(desk: Desk, run: RunFile, training: Training) -> None:
    """Upload, which is free, and then claim and pay."""
    uploaded = steps.upload_dataset(desk, run)
    desk.ledger.mark(run)
    try:
        steps.submit(desk, run, training, uploaded)
    except RecordTaken:
        get_run_logger().info("another run has claimed this training first; nothing was submitted here")
    except SubmissionUncertain as error:
        get_run_logger().warning("%s", error)


def _find_out_what_became_of(desk: Desk, run: RunFile, training: Training, claim: Claimed) -> None:
    """Look for a claimed job by its name; claim again only after every margin has passed."""
    try:
        if find_submitted(desk.ledger, desk.provider, run.key, run.generation) is not None:
            return
        if hold_if_unsearchable(desk.ledger, desk.provider, training):
            return
        if may_claim_again(desk.provider, training):
            _submit(desk, run, training)
            return
    except ProviderUnavailable as error:
        get_run_logger().warning("%s", error)
    desk.ledger.mark(run)
    wait_for(
        f"Waiting for {claim.name}: its submit had no clear answer, and nobody submits again before "
        f"{claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC",
        desk.store_slug,
    )


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
            record_progress(desk.ledger, run.key, run.generation, status)
            return
    desk.ledger.mark(run)
    wait_for(
        f"Waiting for {run.account.provider} to train {submitted.name} (job {submitted.job_id}, {word})",
        desk.store_slug,
    )

"""Manual decisions on a run's page: the approval of a training on hold, and the review of an undecided gate."""

from __future__ import annotations

from itertools import count
from typing import Annotated, Literal

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.input import RunInput
from prefect.input.run_input import Keyset, keyset_from_base_key
from prefect.logging import get_run_logger
from pydantic import AfterValidator, Field

from tuneloop.datasets.store import load_manifest
from tuneloop.errors import ProviderError, RequestRejected, TrainingOnHold
from tuneloop.ledger.collection import try_again
from tuneloop.ledger.reconciliation import record_job_id
from tuneloop.ledger.submission import training_price
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import emit_model_event, label_run
from tuneloop.orchestration.suspend import cannot_suspend, read_form_answer, suspend_with_form
from tuneloop.providers.base import Provider
from tuneloop.redaction import redact
from tuneloop.registry.promotions import IN_PREFECT, MAX_REASON_LENGTH
from tuneloop.schemas.records import Abandoned, Decision, Held, HeldKind, RunRecord
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.spending import dollars
from tuneloop.schemas.training import Submission
from tuneloop.storage.page_link import PageLink, page_link

_REJECT = "reject: abandon it"
_FOUND = "it is there: this is its id"
_RETRY = "try again: search once more"
_RETRAIN = "train again: the next run pays for a new attempt"
_APPROVE = "approve: promote the challenger"

_Reason = Annotated[
    str, Field(min_length=1, description="Why. It is kept in the training's record."), AfterValidator(redact)
]


class SubmitApproval(RunInput):
    """Asked where nothing was sent: over a limit, after too many failures, or after a cancelled job."""

    decision: Literal["approve: submit it", "reject: abandon it"]
    reason: _Reason


class SubmitResolution(RunInput):
    """Asked after an ambiguous submit."""

    decision: Literal["it is there: this is its id", "it is not there: submit it again", "reject: abandon it"]
    job_id: str = Field(default="", description="The provider's id of the job, if it is there.")
    reason: _Reason


class LostJobResolution(RunInput):
    """Asked where the provider has the job, and it or its weights could not be had for days."""

    decision: Literal[
        "try again: search once more",
        "reject: abandon it",
        "train again: the next run pays for a new attempt",
    ]
    reason: _Reason


class PromotionReview(RunInput):
    """Asked where the gate is undecided."""

    decision: Literal["approve: promote the challenger", "reject: keep the champion"]
    reason: Annotated[str, AfterValidator(redact)] = Field(
        pattern=r"\S", max_length=MAX_REASON_LENGTH, description="Why. It is kept in the record of the decision."
    )


Answer = SubmitApproval | SubmitResolution | LostJobResolution
_FORMS: dict[HeldKind, type[Answer]] = {
    "uncertain": SubmitResolution,
    "budget": SubmitApproval,
    "attempts": SubmitApproval,
    "lost": LostJobResolution,
}
_SO_FAR: dict[HeldKind, str] = {
    "uncertain": "Its submit was sent and is ambiguous.",
    "budget": "Nothing was sent and nothing is paid.",
    "attempts": "Nothing was sent and nothing is paid.",
    "lost": "It is paid, and stays so if you abandon it.",
}


def request_approval(ctx: RunContext, run: RunRecord, training: TrainingLog, held: Held) -> str | None:
    """Ask for a manual decision about a training on hold, and apply the answer as far as it sends nothing.

    Suspends the run with a form, which ends this process; when the form was filled in, the flow starts from the
    top and comes here again. Returns the reason with which the training is to be submitted now, None where the
    ledger has moved on. Raises `TrainingOnHold` where this run has no page that could ask.
    """
    form = _FORMS[held.kind]
    attempts = count(1)
    with get_client(sync_client=True) as client:
        while True:
            # The name tells this hold from another one of the same training, and a second answer from the first.
            keys = keyset_from_base_key(f"held-{training.name}-{len(training.history)}-{next(attempts)}")
            answer = read_form_answer(client, keys, form)
            if answer is None:
                label_run(run.model, "on-hold")
                _ask(client, keys, form, _question(ctx, run, training, held), held)
            elif (wrong := _validate_answer(ctx, run, training, answer)) is None:
                label_run(run.model, None)
                return _apply_answer(ctx, run, training, held, answer)
            else:
                get_run_logger().warning("%s; the form is shown again", wrong)


def _validate_answer(ctx: RunContext, run: RunRecord, training: TrainingLog, answer: Answer) -> str | None:
    """Why an answer cannot be applied, None where it can."""
    if not isinstance(answer, SubmitResolution) or answer.decision != _FOUND:
        return None
    try:
        status = ctx.provider.get_job(_named_job(ctx, run, answer))
    except RequestRejected as error:
        return f"the provider shows no job with the id {answer.job_id!r}: {error.reason}"
    if status.name not in {"", training.name}:  # some providers name a job only in their list
        return f"job {answer.job_id} is named {status.name!r} and not {training.name}"
    return None


def _apply_answer(
    ctx: RunContext, run: RunRecord, training: TrainingLog, held: Held, answer: Answer
) -> str | None:
    get_run_logger().info("decided about %s: %s (%s)", held.name, answer.decision, answer.reason)
    if answer.decision == _REJECT:
        abandon_training(run, training, held, f"rejected by a person: {answer.reason}")
        _cancel(ctx.provider, training)
    elif answer.decision == _RETRY:
        try_again(training)
    elif answer.decision == _RETRAIN:
        abandon_training(run, training, held, f"a person wants it trained again: {answer.reason}", again=True)
    elif isinstance(answer, SubmitResolution) and answer.decision == _FOUND:
        record_job_id(training, _named_job(ctx, run, answer), "person")
    else:
        return answer.reason
    return None


def _named_job(ctx: RunContext, run: RunRecord, answer: SubmitResolution) -> Submission:
    job_id = answer.job_id.strip()
    return Submission(job_id=job_id, handle=ctx.provider.handle_for(job_id, ctx.recipe(run)))


def _cancel(provider: Provider, training: TrainingLog) -> None:
    if training.job_id is None:
        return
    try:
        stops = provider.cancel(training.submission(training.job_id))
    except ProviderError as error:
        get_run_logger().warning("job %s could not be cancelled: %s", training.job_id, error)
    else:
        done = (
            "is being cancelled" if stops else "cannot be cancelled from here; cancel it in the provider's console"
        )
        get_run_logger().info("job %s %s", training.job_id, done)


def abandon_training(
    run: RunRecord, training: TrainingLog, held: Held, reason: str, *, again: bool = False
) -> None:
    """Close a training on hold. Raises `RecordConflict` where it has moved on."""
    # What may have been accepted counts as paid: it keeps its place in the budget, and nothing submits it again.
    paid = held.kind in {"uncertain", "lost"}
    record = Abandoned(**training.header(), reason=reason, paid=paid, again=again)
    if paid:
        training.append(record)
    else:
        training.append_failure(run, record)


def _ask(client: SyncPrefectClient, keys: Keyset, form: type[Answer], question: str, held: Held) -> None:
    if (why_not := cannot_suspend()) is not None:
        raise TrainingOnHold(
            f"{held.name} is on hold: {held.reason}. This run cannot ask for approval, because {why_not}: raise "
            "the limit in the credentials block, or start the model's own deployment and answer there"
        )
    sentence = f"On hold, approval required: {held.reason}. Click Resume to answer"
    suspend_with_form(client, keys, form, question, sentence)


def _question(ctx: RunContext, run: RunRecord, training: TrainingLog, held: Held) -> str:
    reason = f"{held.reason[:1].upper()}{held.reason[1:]}"
    manifest = load_manifest(run.dataset_digest, ctx.store)
    cents = training_price(ctx.provider, ctx.recipe(run), ctx.limits, manifest)
    price = "has no known price" if cents is None else f"costs {dollars(cents)}"
    return (
        f"**{run.model}: training {training.name} is on hold. {in_markdown(reason)}.**\n\n"
        f"{_SO_FAR[held.kind]} An attempt at {run.account.slug} {price}. It stays on hold until you decide."
    )


def request_review(ctx: RunContext, run: RunRecord, pending: Decision) -> Decision | None:
    """Ask for a review of an undecided verdict as `request_approval` does, and write it as the next decision.

    Returns the decision, or None where this run has no page that could ask: `tuneloop review` answers then.
    """
    emit_model_event("needs-review", run, pending, ctx.store)
    if cannot_suspend() is not None:
        get_run_logger().warning("%s Decide with: %s (or --reject)", pending.reason, run.review_command)
        return None
    with get_client(sync_client=True) as client:
        keys = keyset_from_base_key(f"undecided-{pending.writer_id}")
        review = read_form_answer(client, keys, PromotionReview)
        if review is None:
            label_run(run.model, "needs-review")
            # Made anew each time that the run asks: on S3 a link ends after a week.
            report = page_link(ctx.store, pending.report) if pending.report else None
            sentence = f"Undecided, review required: {pending.reason} Click Resume to answer"
            sentence += f". Report: {report.text}" if report else ""
            suspend_with_form(client, keys, PromotionReview, _review_question(run, pending, report), sentence)
    get_run_logger().info("reviewed: %s (%s)", review.decision, review.reason)
    approve = review.decision == _APPROVE
    return ctx.registry.write_review(run, pending, approve=approve, decided_by=IN_PREFECT, reason=review.reason)


def _review_question(run: RunRecord, pending: Decision, report: PageLink | None) -> str:
    champion = f"champion v{pending.against}" if pending.against else "no champion"
    both = report.to_markdown("Look at both, image by image") + ", or" if report else "Look at both:"
    return (
        f"**{run.model}: the challenger and {champion} are too close to call.** {in_markdown(pending.reason)}\n\n"
        f"{both} this run's artifacts. Nothing changes until you decide, and neither answer is paid."
    )

"""An undecided gate: a person looks at the report and decides, on the run's page."""

from __future__ import annotations

from typing import Literal

from prefect.client.orchestration import get_client
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_base_key
from prefect.logging import get_run_logger
from pydantic import Field

from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import emit_model_event
from tuneloop.orchestration.forms import ask, read_form_answer
from tuneloop.orchestration.run_labels import label_run
from tuneloop.orchestration.suspend import cannot_suspend
from tuneloop.registry.promotions import answer
from tuneloop.registry.reasons import LONGEST_REASON
from tuneloop.schemas.records import Decision, RunRecord
from tuneloop.schemas.shown_text import in_markdown

_APPROVE = "approve: promote the challenger"
WHO = "a person, in Prefect"


class PromotionReview(RunInput):
    """Asked where neither model is surely better."""

    decision: Literal["approve: promote the challenger", "reject: keep the champion"]
    reason: str = Field(
        pattern=r"\S", max_length=LONGEST_REASON, description="Why. It is kept in the record of the decision."
    )


def request_review(ctx: RunContext, run: RunRecord, question: Decision) -> Decision | None:
    """Ask a person, and write the answer down as the next decision.

    Suspends the run with a form, which ends this process; when it is filled in, the flow comes here again.

    Returns:
        The decision, or None where this run has no page that could ask: `tuneloop review` answers then.
    """
    emit_model_event("undecided", run, question)
    if cannot_suspend() is not None:
        get_run_logger().warning("%s Decide with: %s (or --reject)", question.reason, run.review_command)
        return None
    with get_client(sync_client=True) as client:
        keys = keyset_from_base_key(f"undecided-{question.writer_id}")
        judgement = read_form_answer(client, keys, PromotionReview)
        if judgement is None:
            label_run(run.model, "needs-review")
            ask(
                client,
                keys,
                PromotionReview,
                _question(ctx, run, question),
                f"Undecided, a person decides: {question.reason} Press Resume",
            )
    get_run_logger().info("a person has decided: %s (%s)", judgement.decision, judgement.reason)
    return answer(ctx.ledger, run, question, approve=judgement.decision == _APPROVE, who=WHO, why=judgement.reason)


def _question(ctx: RunContext, run: RunRecord, question: Decision) -> str:
    champion = f"champion no. {question.against}" if question.against else "no champion"
    report = ctx.store.uri_of(question.report) if question.report else "the run's artifacts"
    return (
        f"**{run.model}: the challenger and {champion} are too close to tell.** {in_markdown(question.reason)}\n\n"
        f"Look at both, image by image: `{report}`, or this run's artifacts. Nothing changes until you "
        "decide, and neither answer is paid."
    )

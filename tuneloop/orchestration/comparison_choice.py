"""The question of a comparison: which of its candidates is promoted, if any."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from prefect.client.orchestration import get_client
from prefect.input.run_input import keyset_from_base_key
from prefect.logging import get_run_logger
from pydantic import create_model

from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.orchestration.approvals import PromotionReview
from tuneloop.orchestration.comparison_request import Comparison
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import emit_model_event, label_run
from tuneloop.orchestration.suspend import cannot_suspend, read_form_answer, suspend_with_form
from tuneloop.registry.promotions import GATE, IN_PREFECT
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.records import Decision, RunRecord
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.training import job_name
from tuneloop.storage.page_link import page_link

_NONE = "none: promote none of them"


class Choice(NamedTuple):
    """A candidate, and the decision on it that holds."""

    ctx: RunContext
    run: RunRecord
    decision: Decision


def _decisions(comparison: Comparison) -> list[Choice]:
    """The decisions of this comparison that hold, the best candidate's first."""
    # A review keeps the name of the run that has asked.
    own = [each for each in _all_decisions(comparison) if each.decision.flow_run == each.run.flow_run]
    return sorted(own, key=lambda each: -each.decision.scores.get(WEIGHTED, 0.0))


def _all_decisions(comparison: Comparison) -> list[Choice]:
    found = ((ctx, run, ctx.registry.current_decision(run)) for ctx, run in comparison.candidates)
    return [Choice(ctx, run, decision) for ctx, run, decision in found if decision is not None]


def asked_elsewhere(comparison: Comparison) -> Choice | None:
    """A candidate about which another run asks, None where there is none: its question took the place of ours."""
    others = (each for each in _all_decisions(comparison) if each.decision.flow_run != each.run.flow_run)
    return next((each for each in others if each.decision.verdict == "undecided"), None)


def open_questions(comparison: Comparison) -> list[Choice]:
    """The candidates that a person may promote now."""
    return [each for each in _decisions(comparison) if each.decision.verdict == "undecided"]


def chosen(comparison: Comparison) -> Choice | None:
    """The candidate that a person has chosen, None where nobody has."""
    return next((each for each in _decisions(comparison) if each.decision.verdict == "promote"), None)


def answered(comparison: Comparison) -> Choice | None:
    """A candidate that a person has rejected, None where nobody has."""
    return next((each for each in _decisions(comparison) if each.decision.decided_by != GATE), None)


def request_choice(comparison: Comparison, questions: list[Choice]) -> bool:
    """Ask which candidate is promoted, if any, and write the answer as the next decisions.

    Suspends the run with a form, which ends this process; when it was filled in, the flow starts from the top and
    comes here again. Returns False where this run has no page that could ask: `tuneloop review` answers then.
    """
    ctx, run, pending = questions[0]
    emit_model_event("needs-review", run, pending, ctx.store)
    if (why_not := cannot_suspend()) is not None:
        get_run_logger().warning("%s Nobody is asked here, because %s", pending.reason, why_not)
        return False
    options = [f"promote {comparison.name_of(each.run)}, {_job(each.run)}" for each in questions]
    form = _form(Literal[(*options, _NONE)])
    keys = keyset_from_base_key(f"compared-{digest_of([each.decision.writer_id for each in questions])[:16]}")
    with get_client(sync_client=True) as client:
        # Any text: another version may have asked in other words. The server has held it to those that it showed.
        review = read_form_answer(client, keys, _form(str))
        if review is None:
            label_run(run.model, "needs-review")
            page = page_link(ctx.store, pending.report or "")
            sentence = f"Ranked, choice required: {pending.reason} Click Resume to choose. Report: {page.text}"
            question = (
                f"**{run.model}: which candidate of the comparison {run.comparison} is promoted, if any?** "
                f"{in_markdown(pending.reason)}\n\n{page.to_markdown('Look at all of them, image by image')}. "
                "Nothing changes until you decide, and no answer is paid."
            )
            suspend_with_form(client, keys, form, question, sentence)
    get_run_logger().info("chosen: %s (%s)", review.decision, review.reason)
    # Who is promoted stands first and alone: once there is a new champion, the other questions have no object.
    winner = next((each for each in questions if review.decision.endswith(f", {_job(each.run)}")), None)
    for each in [winner] if winner else questions:
        each.ctx.registry.write_review(
            each.run, each.decision, approve=winner is not None, decided_by=IN_PREFECT, reason=review.reason
        )
    return True


def _form(decision: Any) -> type[PromotionReview]:
    return create_model("ComparisonChoice", __base__=PromotionReview, decision=(decision, ...))


def _job(run: RunRecord) -> str:
    return job_name(run.key, run.attempt)

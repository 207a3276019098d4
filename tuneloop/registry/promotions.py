"""Writes what was decided about a model version, and carries it out: the line of champions.

The verdict comes from the gate, or from a person where the gate is undecided. Each is a numbered record; the first
one written for a number stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tuneloop.clock import now
from tuneloop.errors import LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.reasons import clean_reason
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.records import (
    ENDS,
    AnyTrainingRecord,
    Collected,
    Decision,
    Promotion,
    RunRecord,
    new_writer,
)

WHO = "tuneloop: gate"


@dataclass(frozen=True)
class DecisionSlot:
    """What was read before a model was judged: a verdict may be written here and nowhere else.

    Attributes:
        number: Number of the decision to be written.
        against: Number of the champion's promotion, 0 for none.
    """

    number: int
    against: int


class Standing(NamedTuple):
    """A decision, and the champion that was read after it; no champion is read where there is no decision."""

    decision: Decision | None
    champion: Promotion | None


def current_decision(ledger: Ledger, run: RunRecord) -> Decision | None:
    """The decision on this run's model and plan that still holds, None where one has to be made.

    A promotion that was decided but lost the race for its number does not hold: the champion has changed.
    """
    return _standing(ledger, run, ledger.decisions_from_the_last(run)).decision


def standing_among(ledger: Ledger, run: RunRecord, decisions: Sequence[Decision]) -> Decision | None:
    """The same, of decisions that were read just now, oldest first."""
    return _standing(ledger, run, reversed(decisions)).decision


def _standing(ledger: Ledger, run: RunRecord, newest_first: Iterable[Decision]) -> Standing:
    last = next(_verdicts(newest_first), None)
    if last is None:
        return Standing(None, None)
    champion = ledger.champion(run.model)
    moved_on = champion is not None and champion.number > last.against
    if not moved_on or last.verdict == "reject":
        return Standing(last, champion)
    # An open question about a champion that is none any more has no answer.
    holds = last.verdict == "promote" and _is_carried_out(ledger, run, last, champion)
    return Standing(last if holds else None, champion)


def _verdicts(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Leave out that some run was abandoned: it is no verdict on the model, another run still wants one."""
    return (decision for decision in decisions if decision.verdict != "abandoned")


def applied_decision(ledger: Ledger, run: RunRecord) -> Decision | None:
    """The decision that holds and has been carried out, None where something is left to do."""
    return applied_standing(ledger, run).decision


def applied_standing(ledger: Ledger, run: RunRecord) -> Standing:
    """The same decision, with the champion that reigns; read once, for a run that has nothing else to do."""
    standing, champion = _standing(ledger, run, ledger.decisions_from_the_last(run))
    if standing is None or standing.verdict == "undecided":
        return Standing(None, champion)
    if standing.verdict == "promote" and not _is_carried_out(ledger, run, standing, champion):
        return Standing(None, champion)
    return Standing(standing, champion)


def is_run_finished(ledger: Ledger, run: RunRecord, last: AnyTrainingRecord | None) -> bool:
    """Tell whether a run has nothing left to do, by reading the end of its story.

    Args:
        ledger: The ledger.
        run: What the flow run works on.
        last: The last record of its training's attempt.
    """
    if last is None or last.state not in ENDS:
        return False
    if not isinstance(last, Collected):
        return True
    return applied_decision(ledger, run) is not None or any(
        decision.verdict == "abandoned" and decision.flow_run == run.flow_run for decision in ledger.decisions(run)
    )


def pending_review(ledger: Ledger, run: RunRecord) -> Decision | None:
    """The undecided verdict that waits for a person's answer, None where nobody is asked."""
    standing = current_decision(ledger, run)
    return standing if standing is not None and standing.verdict == "undecided" else None


def owns_review(ledger: Ledger, run: RunRecord, question: Decision) -> bool:
    """Tell whether this run is to ask: the one that found no answer or, once that one is gone, whoever comes."""
    if question.flow_run is None or question.flow_run == run.flow_run:
        return True
    return not ledger.is_marked(run.model_copy(update={"flow_run": question.flow_run}))


def answer(ledger: Ledger, run: RunRecord, question: Decision, *, approve: bool, who: str, why: str) -> Decision:
    """Write a person's answer to an undecided verdict, as the next decision.

    Returns:
        The decision that stands: somebody else's, where two have answered or the model was judged again.

    Raises:
        ConfigurationError: The reason cannot be kept.
    """
    decision = question.model_copy(
        update={
            "created_at": now(),
            "writer_id": new_writer(),
            "verdict": "promote" if approve else "reject",
            "decided_by": who,
            "reason": clean_reason(why),
        }
    )
    while True:
        decisions = ledger.decisions(run)
        standing = next(_verdicts(reversed(decisions)))
        if standing.writer_id != question.writer_id:
            return standing
        # That some run was cancelled takes a number too, and answers nothing.
        written = ledger.write_decision(run, len(decisions) + 1, decision)
        if written.verdict != "abandoned":
            return written


def abandon(ledger: Ledger, run: RunRecord, why: str) -> Decision:
    """Write that a run's model is not judged, because a person has cancelled the run."""
    while True:
        number = len(ledger.decisions(run)) + 1
        decision = Decision(
            created_at=now(),
            verdict="abandoned",
            model=run.model,
            key=run.key,
            attempt=run.attempt,
            plan_digest=run.plan.digest,
            against=champion.number if (champion := ledger.champion(run.model)) else 0,
            scores={},
            report=None,
            decided_by="a person, in Prefect",
            reason=why,
            flow_run=run.flow_run,
        )
        if ledger.write_decision(run, number, decision) == decision:
            return decision


def write_decision(
    ledger: Ledger, run: RunRecord, verdict: GateResult, place: DecisionSlot, report: str
) -> Decision | None:
    """Write the decision; the first one written for this number stands.

    Args:
        ledger: The ledger.
        run: What the flow run works on.
        verdict: What was decided.
        place: What was read before judging.
        report: Name of the report within the store.

    Returns:
        The decision that has the number, or None where that is no verdict: read again and judge again.
    """
    decision = Decision(
        created_at=now(),
        verdict=verdict.verdict,
        model=run.model,
        key=run.key,
        attempt=run.attempt,
        plan_digest=run.plan.digest,
        against=place.against,
        scores=verdict.scores,
        differences=verdict.differences,
        rule=verdict.rule,
        report=report,
        decided_by=WHO,
        reason=verdict.reason,
        flow_run=run.flow_run if verdict.verdict == "undecided" else None,
    )
    written = ledger.write_decision(run, place.number, decision)
    return None if written.verdict == "abandoned" else written


def promote(
    ledger: Ledger, run: RunRecord, collected: Collected, decision: Decision, trigger_word: str | None
) -> Promotion | None:
    """Make the decided model the champion, under the number that follows the one it was judged against.

    Returns:
        The promotion, or None where another one has that number: judge against the new champion.
    """
    if decision.verdict != "promote":
        raise LedgerError(f"{collected.name} was not decided to be promoted but: {decision.verdict}")
    reigned = ledger.promotion(run.model, decision.against) if decision.against else None
    if reigned is not None and is_same_training(reigned, run):
        return reigned
    number = decision.against + 1
    promotion = Promotion(
        created_at=now(),
        number=number,
        model=run.model,
        key=run.key,
        attempt=run.attempt,
        job_id=collected.job_id,
        account=run.account,
        credentials=run.credentials,
        trigger_word=trigger_word,
        weights=collected.weights,
        sha256=collected.sha256,
        size_bytes=collected.size_bytes,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
        decision=ledger.decision_name(run, decision),
        report=decision.report,
        plan=run.plan,
        decided_by=decision.decided_by,
        reason=decision.reason,
    )
    if ledger.write_promotion(promotion):
        return promotion
    return _carried_out(ledger, run, decision)


def _carried_out(ledger: Ledger, run: RunRecord, decision: Decision) -> Promotion | None:
    """The promotion that a decision has led to, or that made it needless: the champion it was judged against."""
    since = ledger.promotions_since(run.model, decision.against)
    return next((promotion for promotion in since if is_same_training(promotion, run)), None)


def _is_carried_out(ledger: Ledger, run: RunRecord, decision: Decision, champion: Promotion | None) -> bool:
    # The champion first: as a rule it is the one, and it has been read.
    reigns = champion is not None and champion.number >= decision.against and is_same_training(champion, run)
    return reigns or _carried_out(ledger, run, decision) is not None


def is_same_training(promotion: Promotion, run: RunRecord) -> bool:
    """Tell whether a promotion is of the model version that a run works on."""
    return (promotion.key, promotion.attempt) == (run.key, run.attempt)

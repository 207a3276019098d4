"""Decides whether a challenger becomes the champion, and writes both the decision and the promotion.

The rule, for now: a model is promoted when every picture of its plan was rendered and none of them is blank or
refused. A challenger that passes replaces the champion, because it is the newer training.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.clock import now
from tuneloop.errors import LedgerError
from tuneloop.ledger import Ledger
from tuneloop.values.evaluation import Evaluation, Verdict
from tuneloop.values.records import (
    NEXT_STATES,
    AnyTrainingRecord,
    Collected,
    Decision,
    Promotion,
    RunFile,
)

RULE = "every picture rendered, none blank or refused"
WHO = "tuneloop: complete-evaluation rule"


@dataclass(frozen=True)
class Place:
    """What was read before a model was judged: a verdict may be written here and nowhere else.

    Attributes:
        number: Number of the decision to be written.
        against: Number of the champion's promotion, 0 for none.
    """

    number: int
    against: int


def judge(challenger: Evaluation, champion: Evaluation | None, *, reigns: bool = False) -> Verdict:
    """Apply the rule to a challenger.

    Args:
        challenger: Its pictures.
        champion: The champion's pictures, None where there is no other champion.
        reigns: The challenger is the champion itself, judged on another plan.
    """
    total, wrong = len(challenger.pictures), len(challenger.findings)
    scores = {"pictures": float(total), "findings": float(wrong)}
    if champion is not None:
        scores["champion_findings"] = float(len(champion.findings))
    if wrong:
        first = challenger.findings[0]
        what = f"{wrong} of {total} pictures cannot be used; the first: {first.finding}"
        why = f"{what} (prompt {first.prompt!r}, seed {first.seed})"
        return Verdict(verdict="reject", why=why, rule=RULE, scores=scores)
    passed = f"all {total} pictures were rendered and none is blank or refused"
    if reigns:
        why = f"The champion itself, judged on another plan: {passed}."
    elif champion is None:
        why = f"First model: {passed}."
    else:
        why = f"The challenger passes ({passed}) and is the newer training."
    return Verdict(verdict="promote", why=why, rule=RULE, scores=scores)


def standing_decision(ledger: Ledger, run: RunFile) -> Decision | None:
    """The decision on this run's model and plan that still holds, None where one has to be made.

    A promotion that was decided but lost the race for its number does not hold: the champion has changed.
    """
    # That some run was abandoned is no verdict on the model: another run still wants one.
    decisions = [decision for decision in ledger.decisions(run) if decision.verdict != "abandoned"]
    if not decisions:
        return None
    last = decisions[-1]
    champion = ledger.champion(run.model)
    moved_on = champion is not None and champion.number > last.against
    lost = last.verdict == "promote" and moved_on and _carried_out(ledger, run, last) is None
    return None if lost else last


def finished_decision(ledger: Ledger, run: RunFile) -> Decision | None:
    """The decision that holds and has been carried out, None where something is left to do."""
    standing = standing_decision(ledger, run)
    if standing is None or standing.verdict != "promote":
        return standing
    return standing if _carried_out(ledger, run, standing) else None


def story_has_ended(ledger: Ledger, run: RunFile, last: AnyTrainingRecord | None) -> bool:
    """Tell whether a run has nothing left to do, by reading the end of its story.

    Args:
        ledger: The ledger.
        run: What the flow run works on.
        last: The last record of its training's generation.
    """
    if last is None or NEXT_STATES[last.state]:
        return False
    if not isinstance(last, Collected):
        return True
    return finished_decision(ledger, run) is not None or any(
        decision.flow_run == run.flow_run for decision in ledger.decisions(run)
    )


def abandon(ledger: Ledger, run: RunFile, why: str) -> Decision:
    """Write that a run's model is not judged, because a person has cancelled the run."""
    while True:
        number = len(ledger.decisions(run)) + 1
        decision = Decision(
            at=now(),
            verdict="abandoned",
            model=run.model,
            key=run.key,
            generation=run.generation,
            plan_digest=run.plan.digest,
            against=champion.number if (champion := ledger.champion(run.model)) else 0,
            scores={},
            report=None,
            who="a person, in Prefect",
            why=why,
            flow_run=run.flow_run,
        )
        if ledger.decide(run, number, decision) == decision:
            return decision


def settle(ledger: Ledger, run: RunFile, verdict: Verdict, place: Place, report: str) -> Decision | None:
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
        at=now(),
        verdict=verdict.verdict,
        model=run.model,
        key=run.key,
        generation=run.generation,
        plan_digest=run.plan.digest,
        against=place.against,
        scores=verdict.scores,
        report=report,
        who=WHO,
        why=verdict.why,
    )
    written = ledger.decide(run, place.number, decision)
    return None if written.verdict == "abandoned" else written


def promote(
    ledger: Ledger, run: RunFile, collected: Collected, decision: Decision, trigger_word: str | None
) -> Promotion | None:
    """Make the decided model the champion, under the number that follows the one it was judged against.

    Returns:
        The promotion, or None where another one has that number: judge against the new champion.
    """
    if decision.verdict != "promote":
        raise LedgerError(f"{collected.name} was not decided to be promoted but: {decision.verdict}")
    carried_out = _carried_out(ledger, run, decision)
    if carried_out is not None:
        return carried_out
    number = decision.against + 1
    promotion = Promotion(
        at=now(),
        number=number,
        model=run.model,
        key=run.key,
        generation=run.generation,
        job_id=collected.job_id,
        account=run.account,
        credentials=run.credentials,
        trigger_word=trigger_word,
        weights=collected.weights,
        sha256=collected.sha256,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
        decision=f"{ledger.decision_folder(run)}{ledger.decisions(run).index(decision) + 1:04d}.json",
        who=decision.who,
        why=decision.why,
    )
    if ledger.promote(promotion):
        return promotion
    return _carried_out(ledger, run, decision)


def _carried_out(ledger: Ledger, run: RunFile, decision: Decision) -> Promotion | None:
    """The promotion that a decision has led to, or that made it needless: the champion it was judged against."""
    since = ledger.promotions(run.model)[max(0, decision.against - 1) :]
    return next((promotion for promotion in since if is_of(promotion, run)), None)


def is_of(promotion: Promotion, run: RunFile) -> bool:
    """Tell whether a promotion is of the model version that a run works on."""
    return (promotion.key, promotion.generation) == (run.key, run.generation)

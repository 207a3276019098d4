"""A person answers an undecided gate without Prefect: `tuneloop review`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tuneloop.errors import LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.registry import recorded_recipe
from tuneloop.registry.models import require_model
from tuneloop.registry.promotions import answer, applied_decision, current_decision, promote
from tuneloop.schemas.records import Collected, Decision, Promotion, RunRecord
from tuneloop.schemas.training import job_name

_AT_ONCE = 16


@dataclass(frozen=True)
class ReviewResult:
    """What an answer has come to.

    Attributes:
        run: The run whose model was decided on.
        decision: The decision that stands.
        promotion: The promotion that carries it out; None where the champion stays.
    """

    run: RunRecord
    decision: Decision
    promotion: Promotion | None


def open_questions(ledger: Ledger, model: str) -> list[tuple[RunRecord, Decision]]:
    """Every verdict on a model that a person has still to answer, and the run that it is about.

    An approval that was not carried out is among them: whoever gave it was killed just then.
    """
    folder = f"models/{model}/decisions/"
    last = {name.rpartition("/")[0]: name for name in ledger.store.names(folder)}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        decisions = list(threads.map(lambda name: ledger.read_record(name, Decision), last.values()))
    found = []
    for decision in decisions:
        run = ledger.run(decision.flow_run) if decision.flow_run else None
        standing = current_decision(ledger, run) if run else None
        if run is not None and standing is not None and standing.flow_run and not applied_decision(ledger, run):
            found.append((run, standing))
    return found


def review_model(
    ledger: Ledger, model: str, *, approve: bool, why: str, who: str, asker: str | None = None
) -> ReviewResult:
    """Answer the one open question of a model, and carry the answer out. May be repeated after a crash.

    The run that asks is woken by the sensor and ends by the same answer.

    Args:
        ledger: The ledger.
        model: The model.
        approve: Promote the challenger; else the champion stays.
        why: The reason, kept in the record.
        who: Who decides.
        asker: Id of the run that asks, or its beginning, where there is more than one.

    Raises:
        ConfigurationError: There is no such model, or the reason cannot be kept.
        LedgerError: Nothing is asked, more than one thing is asked, or somebody else has just answered.
    """
    require_model(ledger, model)
    run, question = _the_one(ledger, model, asker or "")
    decision = question
    if question.verdict == "undecided":
        decision = answer(ledger, run, question, approve=approve, who=who, why=why)
    if decision.verdict != ("promote" if approve else "reject"):
        raise LedgerError(f"{decision.decided_by} has answered first: {decision.verdict}, {decision.reason}")
    if not approve:
        return ReviewResult(run, decision, None)
    collected = TrainingLog.of(ledger, run).last
    if not isinstance(collected, Collected):
        raise LedgerError(f"the weights of {model} are not collected; look at its run {run.flow_run}")
    trigger = recorded_recipe.validate_python(run.recipe).trigger
    promotion = promote(ledger, run, collected, decision, trigger)
    if promotion is None:
        raise LedgerError(
            f"{model} has got another champion meanwhile, so this answer is void: the next run compares with that "
            "one"
        )
    return ReviewResult(run, decision, promotion)


def _the_one(ledger: Ledger, model: str, asker: str) -> tuple[RunRecord, Decision]:
    """The open question that is meant."""
    questions = open_questions(ledger, model)
    meant = [(run, question) for run, question in questions if run.flow_run.startswith(asker)]
    if len(meant) == 1:
        return meant[0]
    if not questions:
        raise LedgerError(f"nothing is undecided about {model}; `tuneloop models {model}` shows its champions")
    asking = "; ".join(f"{run.flow_run} ({job_name(run.key, run.attempt)})" for run, _ in questions)
    wrong = (
        f"no open question of {model} is of run {asker}"
        if not meant
        else f"{model} has {len(meant)} open questions"
    )
    raise LedgerError(f"{wrong}; name one of these with --run: {asking}")

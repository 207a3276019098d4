"""A person answers an undecided gate without Prefect: `tuneloop decide`."""

from __future__ import annotations

from tuneloop.errors import LedgerError
from tuneloop.ledger import Ledger
from tuneloop.promotion import answer, open_question, promote
from tuneloop.training_state import read_training
from tuneloop.values.adopted_recipes import recorded_recipe
from tuneloop.values.records import Collected, Decision, Promotion, RunFile


def open_questions(ledger: Ledger, model: str) -> list[tuple[RunFile, Decision]]:
    """Every undecided verdict on a model that still waits for an answer, and the run that it is about."""
    folder = f"models/{model}/decisions/"
    last = {name.rpartition("/")[0]: name for name in ledger.store.names(folder)}
    found = []
    for name in last.values():
        decision = ledger.read_record(name, Decision)
        run = ledger.run(decision.flow_run) if decision.flow_run else None
        question = open_question(ledger, run) if run else None
        if run is not None and question is not None:
            found.append((run, question))
    return found


def decide_by_hand(
    ledger: Ledger, model: str, *, approve: bool, why: str, who: str
) -> tuple[Decision, Promotion | None]:
    """Answer the one open question of a model, and carry the answer out.

    The run that asks is woken by the sensor and ends by the same answer.

    Args:
        ledger: The ledger.
        model: The model.
        approve: Promote the challenger; else the champion stays.
        why: The reason, kept in the record.
        who: Who decides.

    Raises:
        LedgerError: Nothing is asked, more than one thing is asked, or somebody else has just answered.
    """
    if not why.strip():
        raise LedgerError("--reason is empty; say why, for it is kept in the record")
    questions = open_questions(ledger, model)
    if not questions:
        raise LedgerError(f"nothing is undecided about {model}; `tuneloop models {model}` shows its champions")
    if len(questions) > 1:
        runs = ", ".join(run.flow_run for run, _ in questions)
        raise LedgerError(f"{model} has more than one open question; answer each on its run's page: {runs}")
    run, question = questions[0]
    decision = answer(ledger, run, question, approve=approve, who=who, why=why)
    if (decision.who, decision.why) != (who, why):
        raise LedgerError(f"{decision.who} has answered first: {decision.verdict}, {decision.why}")
    if not approve:
        return decision, None
    collected = read_training(ledger, run.key, run.generation).last
    if not isinstance(collected, Collected):
        raise LedgerError(f"the weights of {model} are not collected; look at its run {run.flow_run}")
    trigger = recorded_recipe.validate_python(run.recipe).trigger
    promotion = promote(ledger, run, collected, decision, trigger)
    if promotion is None:
        raise LedgerError(f"{model} has got another champion meanwhile; its run compares with that one now")
    return decision, promotion

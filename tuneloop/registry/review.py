"""Reviews of an undecided gate without Prefect: `tuneloop review`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tuneloop.errors import LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.registry.models import require_model
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.records import Collected, Decision, Promotion, RunRecord
from tuneloop.schemas.training import job_name

_AT_ONCE = 16


def pending_reviews(ledger: Ledger, model: str) -> list[tuple[RunRecord, Decision]]:
    """Every verdict on a model that still needs a review, and the run that it is about.

    An approval that was not applied is among them: whoever gave it was killed just then.
    """
    registry = Registry(ledger)
    folder = f"models/{model}/decisions/"
    last = {name.rpartition("/")[0]: name for name in ledger.store.names(folder)}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        decisions = list(threads.map(lambda name: ledger.read_record(name, Decision), last.values()))
    found = []
    for decision in decisions:
        run = ledger.run(decision.flow_run, decision.key) if decision.flow_run else None
        current = registry.current_decision(run) if run else None
        if run is not None and current is not None and current.flow_run and not registry.applied_decision(run):
            found.append((run, current))
    return found


def review_model(
    ledger: Ledger, model: str, *, approve: bool, reason: str, decided_by: str, run_id: str = ""
) -> tuple[RunRecord, Decision, Promotion | None]:
    """Review the one undecided verdict of a model, and apply that. May be repeated after a crash.

    The run that asks is resumed by the sensor and ends by the same decision; `run_id` is its id, or the name of
    the job it asks about, or the beginning of either, where more than one is asked. To approve promotes the
    challenger; else the champion stays. Returns the run whose model was decided on, the decision that stands, and
    the promotion, None where the champion stays.

    Raises:
        ConfigurationError: There is no such model, or the reason cannot be kept.
        LedgerError: No review is pending, more than one is, or somebody else has just reviewed.
    """
    require_model(ledger, model)
    registry = Registry(ledger)
    run, decision = _select(ledger, model, run_id)
    if decision.verdict == "undecided":
        decision = registry.write_review(run, decision, approve=approve, decided_by=decided_by, reason=reason)
    if decision.verdict != ("promote" if approve else "reject"):
        raise LedgerError(f"{decision.decided_by} answered first: {decision.verdict}, {decision.reason}")
    if not approve:
        return run, decision, None
    weights = TrainingLog.of(ledger, run).last
    if not isinstance(weights, Collected):
        raise LedgerError(f"the weights of {model} are not collected; look at its run {run.flow_run}")
    promotion = registry.promote(run, weights, decision)
    if promotion is None:
        raise LedgerError(
            f"{model} has a new champion in the meantime, so this answer has no effect: the next run compares "
            "with that one"
        )
    return run, decision, promotion


def _is_named(run: RunRecord, name: str) -> bool:
    return run.flow_run.startswith(name) or job_name(run.key, run.attempt).startswith(name)


def _select(ledger: Ledger, model: str, run_id: str) -> tuple[RunRecord, Decision]:
    pending = pending_reviews(ledger, model)
    selected = [(run, decision) for run, decision in pending if _is_named(run, run_id)]
    if len(selected) == 1:
        return selected[0]
    if not pending:
        raise LedgerError(f"nothing is undecided about {model}; `tuneloop models {model}` shows its champions")
    asking = "; ".join(f"{run.flow_run} ({job_name(run.key, run.attempt)})" for run, _ in pending)
    wrong = (
        f"{model} has {len(selected)} pending reviews"
        if selected
        else f"no pending review of {model} is of run {run_id}"
    )
    raise LedgerError(f"{wrong}; name one of these with --run: {asking}")

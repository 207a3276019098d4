"""Decisions on model versions, and the promotions that apply them: the champion history.

The gate decides, or a person where the gate is undecided. Each decision is a numbered record; the first one
written for a number stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.registry import recorded_recipe
from tuneloop.redaction import redact
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

GATE = "tuneloop: gate"
IN_PREFECT = "a person, in Prefect"
MAX_REASON_LENGTH = 2000
"""Characters. It is shown in every table, page and message about the decision."""

_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would move a terminal's cursor, turn the text around it, or not be written at all."""


class Registry:
    """Records decisions on what runs have trained, and promotes model versions."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._applied_to: dict[str, tuple[Decision, Promotion | None]] = {}

    def current_decision(self, run: RunRecord, decisions: Sequence[Decision] | None = None) -> Decision | None:
        """The decision on this run's model and plan that still holds, None where one has to be made.

        A promotion that was decided but lost the race for its number does not hold: the champion has changed.
        `decisions` are all of them as they were read just now, oldest first; None reads them.
        """
        return self._current(run, decisions)[0]

    def applied_decision(self, run: RunRecord) -> Decision | None:
        """The decision that holds and was applied, None where something is left to do.

        It is read once: an applied decision stays applied.
        """
        folder = self.ledger.decision_folder(run)
        if folder not in self._applied_to:
            decision, champion = self._current(run, None)
            if decision is None or decision.verdict == "undecided":
                return None
            if decision.verdict == "promote" and not self._is_applied(run, decision, champion):
                return None
            self._applied_to[folder] = decision, champion
        return self._applied_to[folder][0]

    def champion_beside(self, run: RunRecord) -> Promotion | None:
        """The champion that was read with the applied decision on a run."""
        return self._applied_to[self.ledger.decision_folder(run)][1]

    def _current(
        self, run: RunRecord, decisions: Sequence[Decision] | None
    ) -> tuple[Decision | None, Promotion | None]:
        newest_first = self.ledger.decisions_from_the_last(run) if decisions is None else reversed(decisions)
        last = next(_on_the_model(newest_first), None)
        if last is None:
            return None, None
        champion = self.ledger.champion(run.model)
        moved_on = champion is not None and champion.number > last.against
        if not moved_on or last.verdict == "reject":
            return last, champion
        # A pending review against a former champion has no answer.
        holds = last.verdict == "promote" and self._is_applied(run, last, champion)
        return last if holds else None, champion

    def is_run_finished(self, run: RunRecord, last: AnyTrainingRecord | None) -> bool:
        """Return True if a run has nothing left to do, where `last` is the last record of its attempt."""
        if last is None or last.state not in ENDS:
            return False
        if not isinstance(last, Collected):
            return True
        return self.applied_decision(run) is not None or any(
            decision.verdict == "abandoned" and decision.flow_run == run.flow_run
            for decision in self.ledger.decisions(run)
        )

    def pending_review(self, run: RunRecord) -> Decision | None:
        """The undecided verdict that waits for a review, None where there is none."""
        decision = self.current_decision(run)
        return decision if decision is not None and decision.verdict == "undecided" else None

    def owns_review(self, run: RunRecord, pending: Decision) -> bool:
        """Return True if this run asks for the review: the one that found no winner or, once it is gone, any."""
        if pending.flow_run is None or pending.flow_run == run.flow_run:
            return True
        return not self.ledger.is_marked(run.model_copy(update={"flow_run": pending.flow_run}))

    def record(
        self, run: RunRecord, result: GateResult, *, number: int, against: int, report: str
    ) -> Decision | None:
        """Write what the gate says as a decision; the first one written for this number stands.

        The number was chosen before anything else was read; `against` is that of the champion that the model was
        compared with, 0 for none; `report` is a name within the store. Returns the decision that has the number,
        or None where that is none on the model: read and evaluate again.
        """
        decision = Decision(
            created_at=now(),
            verdict=result.verdict,
            model=run.model,
            key=run.key,
            attempt=run.attempt,
            plan_digest=run.plan.digest,
            against=against,
            scores=result.scores,
            differences=result.differences,
            rule=result.rule,
            report=report,
            decided_by=GATE,
            reason=result.reason,
            flow_run=run.flow_run if result.verdict == "undecided" else None,
        )
        written = self.ledger.write_decision(run, number, decision)
        return None if written.verdict == "abandoned" else written

    def write_review(
        self, run: RunRecord, pending: Decision, *, approve: bool, decided_by: str, reason: str
    ) -> Decision:
        """Write a person's review of an undecided verdict, as the next decision.

        Returns the decision that stands: another one, where two have reviewed or the model was evaluated again.
        Raises `ConfigurationError` where the reason cannot be kept.
        """
        decision = pending.model_copy(
            update={
                "created_at": now(),
                "writer_id": new_writer(),
                "verdict": "promote" if approve else "reject",
                "decided_by": decided_by,
                "reason": clean_reason(reason),
            }
        )
        while True:
            decisions = self.ledger.decisions(run)
            last = next(_on_the_model(reversed(decisions)))
            if last.writer_id != pending.writer_id:
                return last
            # A cancelled run takes a number too, and reviews nothing.
            written = self.ledger.write_decision(run, len(decisions) + 1, decision)
            if written.verdict != "abandoned":
                return written

    def abandon(self, run: RunRecord, reason: str) -> Decision:
        """Write that a run's model is not evaluated, because the run was cancelled."""
        while True:
            number = len(self.ledger.decisions(run)) + 1
            champion = self.ledger.champion(run.model)
            decision = Decision(
                created_at=now(),
                verdict="abandoned",
                model=run.model,
                key=run.key,
                attempt=run.attempt,
                plan_digest=run.plan.digest,
                against=champion.number if champion else 0,
                scores={},
                report=None,
                decided_by=IN_PREFECT,
                reason=reason,
                flow_run=run.flow_run,
            )
            if self.ledger.write_decision(run, number, decision) == decision:
                return decision

    def promote(self, run: RunRecord, weights: Collected, decision: Decision) -> Promotion | None:
        """Make the model version the champion, under the number after the one it was compared with.

        Returns the promotion, or None where another one has that number: compare with the new champion.
        """
        if decision.verdict != "promote":
            raise LedgerError(f"{weights.name} was not decided to be promoted but: {decision.verdict}")
        compared = self.ledger.promotion(run.model, decision.against) if decision.against else None
        if compared is not None and is_same_training(compared, run):
            return compared
        promotion = Promotion(
            created_at=now(),
            number=decision.against + 1,
            model=run.model,
            key=run.key,
            attempt=run.attempt,
            job_id=weights.job_id,
            handle=weights.handle,
            account=run.account,
            credentials=run.credentials,
            trigger_word=recorded_recipe.validate_python(run.recipe).trigger,
            weights=weights.weights,
            sha256=weights.sha256,
            size_bytes=weights.size_bytes,
            dataset_digest=run.dataset_digest,
            recipe=run.recipe,
            decision=self.ledger.decision_name(run, decision),
            report=decision.report,
            plan=run.plan,
            decided_by=decision.decided_by,
            reason=decision.reason,
        )
        if self.ledger.write_promotion(promotion):
            return promotion
        return self._applied(run, decision)

    def _applied(self, run: RunRecord, decision: Decision) -> Promotion | None:
        """The promotion that applied a decision, or made it needless: the champion it was compared with."""
        since = self.ledger.promotions_since(run.model, decision.against)
        return next((promotion for promotion in since if is_same_training(promotion, run)), None)

    def _is_applied(self, run: RunRecord, decision: Decision, champion: Promotion | None) -> bool:
        # The champion first: as a rule it is the one, and it has been read.
        current = champion is not None and champion.number >= decision.against and is_same_training(champion, run)
        return current or self._applied(run, decision) is not None


def _on_the_model(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Leave out that some run was abandoned: it says nothing about the model."""
    return (decision for decision in decisions if decision.verdict != "abandoned")


def is_same_training(promotion: Promotion, other: RunRecord | Promotion) -> bool:
    """Return True if a promotion is of the model version of a run or of another promotion."""
    return (promotion.key, promotion.attempt) == (other.key, other.attempt)


def clean_reason(text: str) -> str:
    """Bring a reason into the form in which it is kept for ever: one line, without control characters and keys.

    Raises `ConfigurationError` where it says nothing, or far too much.
    """
    reason = " ".join(_INVISIBLE.sub(" ", redact(text)).split())
    if not reason:
        raise ConfigurationError("the reason is empty; give one, because it is kept in the record")
    if len(reason) > MAX_REASON_LENGTH:
        raise ConfigurationError(
            f"the reason has {len(reason):,} characters, and {MAX_REASON_LENGTH:,} are allowed; shorten it"
        )
    return reason

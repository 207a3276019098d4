from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registry.test_promotions import collected, of_key
from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import open_trainings
from tuneloop.registry.promotions import Registry
from tuneloop.registry.review import pending_reviews, review_model
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.records import Collected, Decision, RunRecord, Submitted, Trained
from tuneloop.schemas.training import JobStatus, job_name
from tuneloop.sensor.transitions import pending_run

UNDECIDED = GateResult(verdict="undecided", reason="too close", rule="r", scores={})
PROMOTE = GateResult(verdict="promote", reason="better", rule="r", scores={})
READY = JobStatus(job_id="j", name="n", phase="ready", provider_status="AVAILABLE", known=True)


def trained(ledger: Ledger, run: RunRecord) -> Collected:
    """A run whose weights are in the store."""
    if run.comparison is None:
        ledger.save_run(run)
    name = job_name(run.key, run.attempt)
    kept = collected(run).model_copy(update={"name": name})
    common = {"created_at": now(), "attempt": run.attempt, "name": name, "job_id": "j"}
    records = (Submitted(**common, found_by="person"), Trained(**common, provider_status="AVAILABLE"), kept)
    for record in records:
        ledger.append(run.key, ledger.last(run.key), record)
    ledger.mark(run)
    return kept


def asked(ledger: Ledger, run: RunRecord, against: int = 0) -> Decision:
    trained(ledger, run)
    question = Registry(ledger).record(
        run, UNDECIDED, number=len(ledger.decisions(run)) + 1, against=against, report="report"
    )
    assert question is not None
    return question


def test_undecided_verdict_is_no_end_and_its_asker_is_left_asleep(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    assert Registry(ledger).applied_decision(run) is None
    assert not Registry(ledger).is_run_finished(run, ledger.last(run.key))
    pending = pending_run(ledger, run, READY)
    assert pending is not None
    assert pending.awaits_review


def test_status_says_that_a_person_is_asked(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    (pending,) = open_trainings(ledger)
    assert (pending.state, pending.note) == ("undecided", "too close")


def test_whoever_waits_beside_the_asker_is_not_left_asleep(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    pending = pending_run(ledger, beside, READY)
    assert pending is not None
    assert not pending.awaits_review


def test_whoever_comes_asks_once_the_asker_is_gone(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    ledger.unmark(run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    pending = pending_run(ledger, beside, READY)
    assert pending is not None
    assert pending.awaits_review


def test_approval_by_hand_promotes_with_the_reason_and_wakes_the_asker(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    asker, decision, promotion = review_model(
        ledger, run.model, approve=True, reason="nicer hands", decided_by="ann"
    )
    assert promotion is not None
    assert (promotion.number, promotion.decided_by, promotion.reason) == (1, "ann", "nicer hands")
    assert (asker, ledger.decisions(run)[-1]) == (run, decision)
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "promote"]
    pending = pending_run(ledger, run, READY)
    assert pending is not None
    assert (pending.awaits_review, pending.ended) == (False, True)


def test_rejection_by_hand_keeps_the_champion(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    _asker, decision, promotion = review_model(
        ledger, run.model, approve=False, reason="odd eyes", decided_by="ann"
    )
    assert promotion is None
    assert decision.verdict == "reject"
    assert ledger.champion(run.model) is None
    assert Registry(ledger).applied_decision(run) == decision


def test_second_answer_is_told_who_was_first(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    Registry(ledger).write_review(run, question, approve=False, decided_by="a person, in Prefect", reason="no")
    late = Registry(ledger).write_review(run, question, approve=True, decided_by="bob", reason="yes")
    assert (late.decided_by, late.verdict) == ("a person, in Prefect", "reject")
    with pytest.raises(LedgerError, match="nothing is undecided"):
        review_model(ledger, run.model, approve=True, reason="yes", decided_by="bob")


def test_question_about_a_champion_that_is_none_any_more_is_closed(ledger: Ledger, run: RunRecord) -> None:
    mine, quick = of_key(run, "a"), of_key(run, "b")
    asked(ledger, mine)
    won = Registry(ledger).record(quick, PROMOTE, number=1, against=0, report="report")
    assert won is not None
    assert Registry(ledger).promote(quick, collected(quick), won)
    assert Registry(ledger).pending_review(mine) is None
    assert pending_reviews(ledger, run.model) == []


@pytest.mark.parametrize("approve", [True, False])
def test_opposite_answer_in_the_same_words_is_told_that_the_other_was_first(
    ledger: Ledger, run: RunRecord, approve: bool
) -> None:
    question = asked(ledger, run)
    racing = Racing(ledger.store)
    racing.first = lambda: Registry(ledger).write_review(
        run, question, approve=not approve, decided_by="ann", reason="hands"
    )
    with pytest.raises(LedgerError, match=f"ann answered first: {'reject' if approve else 'promote'}, hands"):
        review_model(racing, run.model, approve=approve, reason="hands", decided_by="ann")
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "reject" if approve else "promote"]


class Racing(Ledger):
    """A ledger in which something happens just before a decision is written."""

    first: Callable[[], object] | None = None

    def write_decision(self, run: RunRecord, number: int, decision: Decision) -> Decision:
        if self.first is not None:
            first, self.first = self.first, None
            first()
        return super().write_decision(run, number, decision)


@pytest.mark.parametrize("approve", [True, False])
def test_question_of_a_cancelled_run_can_still_be_answered(ledger: Ledger, run: RunRecord, approve: bool) -> None:
    question = asked(ledger, run)
    Registry(ledger).abandon(run, "its run was cancelled")
    ledger.unmark(run)
    assert Registry(ledger).pending_review(run) == question
    decision = review_model(ledger, run.model, approve=approve, reason="hands", decided_by="ann")[1]
    assert decision.reason == "hands"
    assert Registry(ledger).applied_decision(run) == decision
    assert [item.verdict for item in ledger.decisions(run)][:2] == ["undecided", "abandoned"]


def test_cancelling_at_the_moment_of_an_answer_takes_only_a_number(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    racing = Racing(ledger.store)
    racing.first = lambda: Registry(ledger).abandon(run, "its run was cancelled")
    written = Registry(racing).write_review(run, question, approve=True, decided_by="ann", reason="hands")
    assert (written.verdict, written.decided_by) == ("promote", "ann")
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "abandoned", "promote"]


def test_answer_after_the_model_was_judged_again_is_not_written(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    again = Registry(ledger).record(run, PROMOTE, number=2, against=0, report="report")
    assert Registry(ledger).write_review(run, question, approve=False, decided_by="ann", reason="hands") == again
    assert len(ledger.decisions(run)) == 2


def test_champion_that_comes_between_question_and_answer_makes_the_answer_void(
    ledger: Ledger, run: RunRecord
) -> None:
    mine, quick = of_key(run, "a"), of_key(run, "b")
    asked(ledger, mine)
    won = Registry(ledger).record(quick, PROMOTE, number=1, against=0, report="report")
    assert won is not None
    racing = Racing(ledger.store)
    racing.first = lambda: Registry(ledger).promote(quick, collected(quick), won)
    with pytest.raises(LedgerError, match="has a new champion in the meantime, so this answer has no effect"):
        review_model(racing, run.model, approve=True, reason="hands", decided_by="ann")
    assert [item.key[0] for item in ledger.promotions(run.model)] == ["b"]
    assert Registry(ledger).current_decision(mine) is None


def test_approval_whose_process_was_killed_before_the_promotion_is_carried_out_by_the_same_command(
    ledger: Ledger, run: RunRecord
) -> None:
    question = asked(ledger, run)
    ledger.unmark(run)  # nobody else goes on with it
    Registry(ledger).write_review(run, question, approve=True, decided_by="ann", reason="nicer hands")
    with pytest.raises(LedgerError, match="ann answered first: promote, nicer hands"):
        review_model(ledger, run.model, approve=False, reason="no", decided_by="bob")
    _asker, _decision, promotion = review_model(
        ledger, run.model, approve=True, reason="nicer hands", decided_by="ann"
    )
    assert promotion is not None
    assert (promotion.number, promotion.reason) == (1, "nicer hands")
    assert len(ledger.decisions(run)) == 2
    with pytest.raises(LedgerError, match="nothing is undecided"):
        review_model(ledger, run.model, approve=True, reason="nicer hands", decided_by="ann")


def test_model_that_is_not_there_is_named_with_those_that_are(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    with pytest.raises(ConfigurationError, match="has no model rabbit: it has robot"):
        review_model(ledger, "rabbit", approve=True, reason="x", decided_by="ann")
    with pytest.raises(ValueError, match="cannot be a name here"):
        review_model(ledger, "../robot", approve=True, reason="x", decided_by="ann")


def test_one_of_several_questions_is_named_by_its_run(ledger: Ledger, run: RunRecord) -> None:
    first = of_key(run, "a")
    second = of_key(run, "b").model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    asked(ledger, first), asked(ledger, second)
    with pytest.raises(LedgerError, match="robot has 2 pending reviews; name one of these with --run: ") as caught:
        review_model(ledger, run.model, approve=True, reason="x", decided_by="ann")
    assert f"{second.flow_run} ({'b' * 16}-g1)" in str(caught.value)
    with pytest.raises(LedgerError, match="no pending review of robot is of run 77"):
        review_model(ledger, run.model, approve=True, reason="x", decided_by="ann", run_id="77")
    asker, _decision, _promotion = review_model(
        ledger, run.model, approve=False, reason="x", decided_by="ann", run_id="00000000"
    )
    assert asker == second
    assert review_model(ledger, run.model, approve=True, reason="x", decided_by="ann")[0] == first


@pytest.mark.parametrize(
    ("reason", "said"),
    [(" ", "the reason is empty"), ("\x1b\x00\u202e", "the reason is empty"), ("word " * 20_000, "99,999 char")],
)
def test_reason_that_says_nothing_or_too_much_is_refused_and_nothing_is_written(
    ledger: Ledger, run: RunRecord, reason: str, said: str
) -> None:
    asked(ledger, run)
    with pytest.raises(ConfigurationError, match=said):
        review_model(ledger, run.model, approve=True, reason=reason, decided_by="ann")
    assert len(ledger.decisions(run)) == 1


def test_reason_is_kept_on_one_line_without_control_characters_and_keys(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    odd = "nicer\n\x1b[31mhands\x07 \u202eSG_0123456789abcdef\ud800 <b>&amp; | é\t"
    _asker, decision, _promotion = review_model(ledger, run.model, approve=True, reason=odd, decided_by="ann")
    assert decision.reason == "nicer [31mhands … <b>&amp; | é"
    assert [item.reason for item in ledger.promotions(run.model)] == [decision.reason]

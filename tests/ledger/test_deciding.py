from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ledger.test_promotion import collected, of_key
from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import open_trainings
from tuneloop.registry.promotions import (
    DecisionSlot,
    abandon,
    answer,
    applied_decision,
    current_decision,
    is_run_finished,
    pending_review,
    promote,
    write_decision,
)
from tuneloop.registry.review import open_questions, review_model
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.records import Collected, Decision, RunRecord, Submitted, Trained
from tuneloop.schemas.training import JobStatus, job_name
from tuneloop.sensor.transitions import pending_run

UNDECIDED = GateResult(verdict="undecided", reason="too close", rule="r", scores={})
PROMOTE = GateResult(verdict="promote", reason="better", rule="r", scores={})
READY = JobStatus(job_id="j", name="n", phase="ready", word="AVAILABLE", known=True)


def trained(ledger: Ledger, run: RunRecord) -> Collected:
    """A run whose weights are in the store."""
    ledger.save_run(run)
    name = job_name(run.key, run.attempt)
    kept = collected(run).model_copy(update={"name": name})
    common = {"created_at": now(), "attempt": run.attempt, "name": name, "job_id": "j"}
    records = (Submitted(**common, found_by="person"), Trained(**common, word="AVAILABLE"), kept)
    for record in records:
        ledger.append(run.key, ledger.last(run.key), record)
    ledger.mark(run)
    return kept


def asked(ledger: Ledger, run: RunRecord, against: int = 0) -> Decision:
    trained(ledger, run)
    question = write_decision(
        ledger, run, UNDECIDED, DecisionSlot(len(ledger.decisions(run)) + 1, against), "report"
    )
    assert question is not None
    return question


def test_undecided_verdict_is_no_end_and_its_asker_is_left_asleep(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    assert applied_decision(ledger, run) is None
    assert not is_run_finished(ledger, run, ledger.last(run.key))
    story = pending_run(ledger, run, READY)
    assert story is not None
    assert story.asks


def test_status_says_that_a_person_is_asked(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    (story,) = open_trainings(ledger)
    assert (story.state, story.note) == ("undecided", "too close")


def test_whoever_waits_beside_the_asker_is_not_left_asleep(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    story = pending_run(ledger, beside, READY)
    assert story is not None
    assert not story.asks


def test_whoever_comes_asks_once_the_asker_is_gone(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    ledger.unmark(run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    story = pending_run(ledger, beside, READY)
    assert story is not None
    assert story.asks


def test_approval_by_hand_promotes_with_the_reason_and_wakes_the_asker(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    done = review_model(ledger, run.model, approve=True, why="nicer hands", who="ann")
    assert done.promotion is not None
    assert (done.promotion.number, done.promotion.decided_by, done.promotion.reason) == (1, "ann", "nicer hands")
    assert (done.run, ledger.decisions(run)[-1]) == (run, done.decision)
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "promote"]
    story = pending_run(ledger, run, READY)
    assert story is not None
    assert (story.asks, story.ended) == (False, True)


def test_rejection_by_hand_keeps_the_champion(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    done = review_model(ledger, run.model, approve=False, why="odd eyes", who="ann")
    assert done.promotion is None
    assert done.decision.verdict == "reject"
    assert ledger.champion(run.model) is None
    assert applied_decision(ledger, run) == done.decision


def test_second_answer_is_told_who_was_first(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    answer(ledger, run, question, approve=False, who="a person, in Prefect", why="no")
    late = answer(ledger, run, question, approve=True, who="bob", why="yes")
    assert (late.decided_by, late.verdict) == ("a person, in Prefect", "reject")
    with pytest.raises(LedgerError, match="nothing is undecided"):
        review_model(ledger, run.model, approve=True, why="yes", who="bob")


def test_question_about_a_champion_that_is_none_any_more_is_closed(ledger: Ledger, run: RunRecord) -> None:
    mine, quick = of_key(run, "a"), of_key(run, "b")
    asked(ledger, mine)
    won = write_decision(ledger, quick, PROMOTE, DecisionSlot(1, 0), "report")
    assert won is not None
    assert promote(ledger, quick, collected(quick), won, None)
    assert pending_review(ledger, mine) is None
    assert open_questions(ledger, run.model) == []


@pytest.mark.parametrize("approve", [True, False])
def test_opposite_answer_in_the_same_words_is_told_that_the_other_was_first(
    ledger: Ledger, run: RunRecord, approve: bool
) -> None:
    question = asked(ledger, run)
    racing = Racing(ledger.store)
    racing.first = lambda: answer(ledger, run, question, approve=not approve, who="ann", why="hands")
    with pytest.raises(LedgerError, match=f"ann has answered first: {'reject' if approve else 'promote'}, hands"):
        review_model(racing, run.model, approve=approve, why="hands", who="ann")
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
    abandon(ledger, run, "its run was cancelled")
    ledger.unmark(run)
    assert pending_review(ledger, run) == question
    done = review_model(ledger, run.model, approve=approve, why="hands", who="ann")
    assert done.decision.reason == "hands"
    assert applied_decision(ledger, run) == done.decision
    assert [item.verdict for item in ledger.decisions(run)][:2] == ["undecided", "abandoned"]


def test_cancelling_at_the_moment_of_an_answer_takes_only_a_number(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    racing = Racing(ledger.store)
    racing.first = lambda: abandon(ledger, run, "its run was cancelled")
    written = answer(racing, run, question, approve=True, who="ann", why="hands")
    assert (written.verdict, written.decided_by) == ("promote", "ann")
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "abandoned", "promote"]


def test_answer_after_the_model_was_judged_again_is_not_written(ledger: Ledger, run: RunRecord) -> None:
    question = asked(ledger, run)
    again = write_decision(ledger, run, PROMOTE, DecisionSlot(2, 0), "report")
    assert answer(ledger, run, question, approve=False, who="ann", why="hands") == again
    assert len(ledger.decisions(run)) == 2


def test_champion_that_comes_between_question_and_answer_makes_the_answer_void(
    ledger: Ledger, run: RunRecord
) -> None:
    mine, quick = of_key(run, "a"), of_key(run, "b")
    asked(ledger, mine)
    won = write_decision(ledger, quick, PROMOTE, DecisionSlot(1, 0), "report")
    assert won is not None
    racing = Racing(ledger.store)
    racing.first = lambda: promote(ledger, quick, collected(quick), won, None)
    with pytest.raises(LedgerError, match="has got another champion meanwhile, so this answer is void"):
        review_model(racing, run.model, approve=True, why="hands", who="ann")
    assert [item.key[0] for item in ledger.promotions(run.model)] == ["b"]
    assert current_decision(ledger, mine) is None


def test_approval_whose_process_was_killed_before_the_promotion_is_carried_out_by_the_same_command(
    ledger: Ledger, run: RunRecord
) -> None:
    question = asked(ledger, run)
    ledger.unmark(run)  # nobody else goes on with it
    answer(ledger, run, question, approve=True, who="ann", why="nicer hands")
    with pytest.raises(LedgerError, match="ann has answered first: promote, nicer hands"):
        review_model(ledger, run.model, approve=False, why="no", who="bob")
    done = review_model(ledger, run.model, approve=True, why="nicer hands", who="ann")
    assert done.promotion is not None
    assert (done.promotion.number, done.promotion.reason) == (1, "nicer hands")
    assert len(ledger.decisions(run)) == 2
    with pytest.raises(LedgerError, match="nothing is undecided"):
        review_model(ledger, run.model, approve=True, why="nicer hands", who="ann")


def test_model_that_is_not_there_is_named_with_those_that_are(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    with pytest.raises(ConfigurationError, match="has no model rabbit: it has robot"):
        review_model(ledger, "rabbit", approve=True, why="x", who="ann")
    with pytest.raises(ValueError, match="cannot be a name here"):
        review_model(ledger, "../robot", approve=True, why="x", who="ann")


def test_one_of_several_questions_is_named_by_its_run(ledger: Ledger, run: RunRecord) -> None:
    first = of_key(run, "a")
    second = of_key(run, "b").model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    asked(ledger, first), asked(ledger, second)
    with pytest.raises(LedgerError, match="robot has 2 open questions; name one of these with --run: ") as caught:
        review_model(ledger, run.model, approve=True, why="x", who="ann")
    assert f"{second.flow_run} ({'b' * 16}-g1)" in str(caught.value)
    with pytest.raises(LedgerError, match="no open question of robot is of run 77"):
        review_model(ledger, run.model, approve=True, why="x", who="ann", asker="77")
    done = review_model(ledger, run.model, approve=False, why="x", who="ann", asker="00000000")
    assert done.run == second
    assert review_model(ledger, run.model, approve=True, why="x", who="ann").run == first


@pytest.mark.parametrize(
    ("reason", "said"),
    [(" ", "the reason is empty"), ("\x1b\x00\u202e", "the reason is empty"), ("word " * 20_000, "99,999 char")],
)
def test_reason_that_says_nothing_or_too_much_is_refused_and_nothing_is_written(
    ledger: Ledger, run: RunRecord, reason: str, said: str
) -> None:
    asked(ledger, run)
    with pytest.raises(ConfigurationError, match=said):
        review_model(ledger, run.model, approve=True, why=reason, who="ann")
    assert len(ledger.decisions(run)) == 1


def test_reason_is_kept_on_one_line_without_control_characters_and_keys(ledger: Ledger, run: RunRecord) -> None:
    asked(ledger, run)
    odd = "nicer\n\x1b[31mhands\x07 \u202eSG_0123456789abcdef\ud800 <b>&amp; | é\t"
    done = review_model(ledger, run.model, approve=True, why=odd, who="ann")
    assert done.decision.reason == "nicer [31mhands … <b>&amp; | é"
    assert [promotion.reason for promotion in ledger.promotions(run.model)] == [done.decision.reason]

from __future__ import annotations

import pytest

from tests.ledger.test_promotion import collected, of_key
from tuneloop.clock import now
from tuneloop.deciding import decide_by_hand, open_questions
from tuneloop.errors import LedgerError
from tuneloop.ledger import Ledger
from tuneloop.promotion import Place, answer, finished_decision, open_question, promote, settle, story_has_ended
from tuneloop.settling import story_of
from tuneloop.status import open_trainings
from tuneloop.values.evaluation import Verdict
from tuneloop.values.records import Collected, Decision, RunFile, Submitted, Trained
from tuneloop.values.training import JobStatus, job_name

UNDECIDED = Verdict(verdict="undecided", why="too close", rule="r", scores={})
PROMOTE = Verdict(verdict="promote", why="better", rule="r", scores={})
READY = JobStatus(job_id="j", name="n", phase="ready", word="AVAILABLE", known=True)


def trained(ledger: Ledger, run: RunFile) -> Collected:
    """A run whose weights are in the store."""
    ledger.remember_run(run)
    name = job_name(run.key, run.generation)
    kept = collected(run).model_copy(update={"name": name})
    common = {"at": now(), "generation": run.generation, "name": name, "job_id": "j"}
    records = (Submitted(**common, found_by="person"), Trained(**common, word="AVAILABLE"), kept)
    for record in records:
        ledger.append(run.key, ledger.last(run.key), record)
    ledger.mark(run)
    return kept


def asked(ledger: Ledger, run: RunFile, against: int = 0) -> Decision:
    trained(ledger, run)
    question = settle(ledger, run, UNDECIDED, Place(len(ledger.decisions(run)) + 1, against), "report")
    assert question is not None
    return question


def test_undecided_verdict_is_no_end_and_its_asker_is_left_asleep(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    assert finished_decision(ledger, run) is None
    assert not story_has_ended(ledger, run, ledger.last(run.key))
    story = story_of(ledger, run, READY)
    assert story is not None
    assert story.asks


def test_status_says_that_a_person_is_asked(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    (story,) = open_trainings(ledger)
    assert (story.state, story.note) == ("undecided", "too close")


def test_whoever_waits_beside_the_asker_is_not_left_asleep(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    story = story_of(ledger, beside, READY)
    assert story is not None
    assert not story.asks


def test_whoever_comes_asks_once_the_asker_is_gone(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    ledger.unmark(run)
    beside = run.model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    story = story_of(ledger, beside, READY)
    assert story is not None
    assert story.asks


def test_approval_by_hand_promotes_with_the_reason_and_wakes_the_asker(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    decision, promotion = decide_by_hand(ledger, run.model, approve=True, why="nicer hands", who="ann")
    assert promotion is not None
    assert (promotion.number, promotion.who, promotion.why) == (1, "ann", "nicer hands")
    assert ledger.decisions(run)[-1] == decision
    assert [item.verdict for item in ledger.decisions(run)] == ["undecided", "promote"]
    story = story_of(ledger, run, READY)
    assert story is not None
    assert (story.asks, story.ended) == (False, True)


def test_rejection_by_hand_keeps_the_champion(ledger: Ledger, run: RunFile) -> None:
    asked(ledger, run)
    decision, promotion = decide_by_hand(ledger, run.model, approve=False, why="odd eyes", who="ann")
    assert promotion is None
    assert decision.verdict == "reject"
    assert ledger.champion(run.model) is None
    assert finished_decision(ledger, run) == decision


def test_second_answer_is_told_who_was_first(ledger: Ledger, run: RunFile) -> None:
    question = asked(ledger, run)
    answer(ledger, run, question, approve=False, who="a person, in Prefect", why="no")
    late = answer(ledger, run, question, approve=True, who="bob", why="yes")
    assert (late.who, late.verdict) == ("a person, in Prefect", "reject")
    with pytest.raises(LedgerError, match="nothing is undecided"):
        decide_by_hand(ledger, run.model, approve=True, why="yes", who="bob")


def test_question_about_a_champion_that_is_none_any_more_is_closed(ledger: Ledger, run: RunFile) -> None:
    mine, quick = of_key(run, "a"), of_key(run, "b")
    asked(ledger, mine)
    won = settle(ledger, quick, PROMOTE, Place(1, 0), "report")
    assert won is not None
    assert promote(ledger, quick, collected(quick), won, None)
    assert open_question(ledger, mine) is None
    assert open_questions(ledger, run.model) == []


def test_empty_reason_and_two_questions_are_refused(ledger: Ledger, run: RunFile) -> None:
    first = of_key(run, "a")
    second = of_key(run, "b").model_copy(update={"flow_run": "00000000-0000-0000-0000-0000000000bb"})
    asked(ledger, first)
    with pytest.raises(LedgerError, match="--reason"):
        decide_by_hand(ledger, run.model, approve=True, why=" ", who="ann")
    asked(ledger, second)
    with pytest.raises(LedgerError, match="more than one open question"):
        decide_by_hand(ledger, run.model, approve=True, why="x", who="ann")

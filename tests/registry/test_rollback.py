"""A person puts an earlier champion back."""

from __future__ import annotations

import pytest

from tests.registry.conftest import Champion, collected, promotion_of, run_of
from tuneloop.errors import ConfigurationError, CorruptRecord, RecordConflict
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.promotions import Registry
from tuneloop.registry.rollback import roll_back
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Decision, Promotion, RunRecord
from tuneloop.storage.local import LocalDirectory

WHO = "a person"
OURS = {"created_at", "writer_id", "number", "rolled_back_to", "decided_by", "reason"}
BETTER = GateResult(verdict="promote", reason="better", rule="a rule", scores={})


def win(ledger: Ledger, run: RunRecord) -> Promotion:
    """Judge a challenger until it is champion, as its run would."""
    while True:
        number = len(ledger.decisions(run)) + 1
        reigning = ledger.champion(run.model)
        decision = Registry(ledger).record(
            run, BETTER, number=number, against=reigning.number if reigning else 0, report="report"
        )
        assert decision is not None
        promotion = Registry(ledger).promote(run, collected(run), decision)
        if promotion:
            return promotion


def decisions(ledger: Ledger, run: RunRecord) -> list[Decision]:
    return ledger.decisions(run)


def test_rollback_is_the_next_number_with_the_content_of_the_earlier_one(
    ledger: Ledger, champion: Champion
) -> None:
    ledger.store.create("weights/a/lora.safetensors", b"weights")
    first, second = champion("a", weights="weights/a/lora.safetensors", sha256="1" * 64), champion("b")
    done = roll_back(ledger, "robot", 1, "six fingers\n on the left hand", WHO)
    assert (done.champion.number, done.replaced) == (3, second)
    assert done.champion.model_dump(exclude=OURS) == first.model_dump(exclude=OURS)
    assert (done.champion.rolled_back_to, done.champion.decided_by) == (1, WHO)
    assert done.champion.reason == "six fingers on the left hand"
    assert done.champion.writer_id != first.writer_id
    assert ledger.promotions("robot") == [first, second, done.champion]


def test_model_that_is_champion_already_is_not_written_again(ledger: Ledger, champion: Champion) -> None:
    champion("a"), champion("b")
    assert "nothing was written: champion is v2" in roll_back(ledger, "robot", 2, "why", WHO).summary
    third = roll_back(ledger, "robot", 1, "why", WHO).champion
    again = roll_back(ledger, "robot", 1, "why", WHO)
    assert (again.champion, again.replaced) == (third, None)
    assert "champion is v3" in again.summary
    assert "the same model version as v1" in again.summary
    assert len(ledger.promotions("robot")) == 3


def test_rollback_is_undone_by_another_one(ledger: Ledger, champion: Champion) -> None:
    champion("a"), champion("b")
    roll_back(ledger, "robot", 1, "worse", WHO)
    undone = roll_back(ledger, "robot", 2, "it was the light", WHO).champion
    assert (undone.number, undone.key[0], undone.rolled_back_to) == (4, "b", 2)
    from_a_rollback = roll_back(ledger, "robot", 3, "no, it was not", WHO).champion
    assert (from_a_rollback.number, from_a_rollback.key[0], from_a_rollback.rolled_back_to) == (5, "a", 3)


@pytest.mark.parametrize(
    ("model", "to", "reason", "said"),
    [
        ("robot", 3, "why", r"no champion v3: the numbers go from 1 to 2"),
        ("robot", 0, "why", r"no champion v0"),
        ("robot", -1, "why", r"no champion v-1"),
        ("robot", 1, " \n", "the reason is empty"),
        ("rabbit", 1, "why", "has no model rabbit: it has robot"),
        ("../robot", 1, "why", "cannot be a name here"),
    ],
)
def test_what_cannot_be_rolled_back_to_is_said_and_nothing_is_written(
    ledger: Ledger, champion: Champion, model: str, to: int, reason: str, said: str
) -> None:
    champion("a"), champion("b")
    before = list(ledger.store.names(""))
    with pytest.raises((ConfigurationError, ValueError), match=said):
        roll_back(ledger, model, to, reason, WHO)
    assert list(ledger.store.names("")) == before


def test_champion_whose_weights_are_gone_is_not_put_back(ledger: Ledger, champion: Champion) -> None:
    champion("a", weights="weights/a/lora.safetensors", sha256="1" * 64), champion("b")
    with pytest.raises(
        ConfigurationError, match=r"v1 cannot be restored: its weights .*lora\.safetensors are gone"
    ):
        roll_back(ledger, "robot", 1, "why", WHO)
    assert len(ledger.promotions("robot")) == 2


def test_line_with_a_gap_is_not_continued(ledger: Ledger, champion: Champion) -> None:
    champion("a")
    assert ledger.write_promotion(promotion_of("b", "robot", 3))
    with pytest.raises(CorruptRecord, match="gap"):
        roll_back(ledger, "robot", 1, "why", WHO)
    assert len(list(ledger.store.names("models/robot/promotions/"))) == 2


class Overtaken(Ledger):
    """A ledger in which somebody else is always promoted first."""

    left: int

    def write_promotion(self, promotion: Promotion) -> bool:
        if self.left:
            self.left -= 1
            taken = promotion_of("cd"[promotion.number % 2], promotion.model, promotion.number)
            assert super().write_promotion(taken)
        return super().write_promotion(promotion)


def overtaken(ledger: Ledger, times: int) -> Overtaken:
    made = Overtaken(ledger.store)
    made.left = times
    return made


def test_whoever_is_promoted_meanwhile_is_replaced_too(ledger: Ledger, champion: Champion) -> None:
    champion("a"), champion("b")
    done = roll_back(overtaken(ledger, 2), "robot", 1, "why", WHO)
    assert (done.champion.number, done.champion.key[0]) == (5, "a")
    assert done.replaced is not None
    assert done.replaced.number == 4
    assert [item.key[0] for item in ledger.promotions("robot")] == ["a", "b", "d", "c", "a"]


def test_rollback_that_is_overtaken_for_ever_gives_up_and_says_so(
    artifacts: LocalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(artifacts)
    assert ledger.write_promotion(promotion_of("a", "robot", 1))
    assert ledger.write_promotion(promotion_of("b", "robot", 2))
    monkeypatch.setattr("tuneloop.registry.rollback._TRIES", 5)
    with pytest.raises(RecordConflict, match=r"not rolled back: 5 promotions came in between"):
        roll_back(overtaken(ledger, 99), "robot", 1, "why", WHO)
    assert not any(item.rolled_back_to for item in ledger.promotions("robot"))


# After a rollback


def test_unchanged_run_of_the_model_that_was_rolled_back_from_has_nothing_to_do(ledger: Ledger) -> None:
    old, bad = run_of("a"), run_of("b")
    win(ledger, old), win(ledger, bad)
    roll_back(ledger, "robot", 1, "six fingers", WHO)
    (decided,) = decisions(ledger, bad)
    assert Registry(ledger).applied_decision(bad) == Registry(ledger).current_decision(bad) == decided
    carried_out = Registry(ledger).promote(bad, collected(bad), decided)
    assert carried_out is not None
    assert carried_out.number == 2
    reigning = ledger.champion("robot")
    assert reigning is not None
    assert (reigning.number, reigning.key[0]) == (3, "a")
    assert Registry(ledger).applied_decision(old) is not None


def test_model_that_was_judged_again_while_it_was_rolled_back_stays_rolled_back(ledger: Ledger) -> None:
    old, bad = run_of("a"), run_of("b")
    win(ledger, old), win(ledger, bad)
    on_another_plan = bad.model_copy(update={"plan": EvaluationConfig(seeds=(7,))})
    # Its images were judged while it was champion v2; the person was quicker than its decision.
    roll_back(ledger, "robot", 1, "six fingers", WHO)
    decided = Registry(ledger).record(on_another_plan, BETTER, number=1, against=2, report="report")
    assert decided is not None
    assert Registry(ledger).promote(on_another_plan, collected(bad), decided)
    assert Registry(ledger).applied_decision(on_another_plan) == decided
    assert [item.key[0] for item in ledger.promotions("robot")] == ["a", "b", "a"]


def test_challenger_that_was_judged_against_the_model_rolled_back_from_is_judged_again(ledger: Ledger) -> None:
    old, bad, new = run_of("a"), run_of("b"), run_of("c")
    win(ledger, old), win(ledger, bad)
    late = Registry(ledger).record(new, BETTER, number=1, against=2, report="report")
    assert late is not None
    roll_back(ledger, "robot", 1, "six fingers", WHO)
    assert Registry(ledger).promote(new, collected(new), late) is None
    assert Registry(ledger).current_decision(new) is None
    fourth = win(ledger, new)
    assert (fourth.number, fourth.rolled_back_to) == (4, None)
    assert decisions(ledger, new)[-1].against == 3
    assert Registry(ledger).applied_decision(new) is not None


def test_challenger_that_a_person_put_back_before_its_decision_was_carried_out_is_done(ledger: Ledger) -> None:
    old, bad = run_of("a"), run_of("b")
    win(ledger, old), win(ledger, bad)
    again = old.model_copy(update={"plan": EvaluationConfig(seeds=(7,))})
    decided = Registry(ledger).record(again, BETTER, number=1, against=2, report="report")
    assert decided is not None
    third = roll_back(ledger, "robot", 1, "six fingers", WHO).champion
    assert Registry(ledger).promote(again, collected(old), decided) == third
    assert len(ledger.promotions("robot")) == 3

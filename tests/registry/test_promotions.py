from __future__ import annotations

import pytest

from tuneloop.clock import now
from tuneloop.errors import LedgerError
from tuneloop.evaluation.gate import apply_gate
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GatePolicy, GateResult
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Collected, Decision, RunRecord

GOOD = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="renders/j/1.jpg"),))
BAD = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name=None, finding="refused"),))


def judge(challenger: Evaluation, champion: Evaluation | None) -> GateResult:
    return apply_gate(challenger, champion, GatePolicy(undecided="promote"))


def collected(run: RunRecord) -> Collected:
    return Collected(
        created_at=now(),
        attempt=run.attempt,
        name="n",
        job_id="j",
        weights="weights/n/lora.safetensors",
        sha256="0" * 64,
        size_bytes=1,
    )


def of_key(run: RunRecord, letter: str) -> RunRecord:
    return run.model_copy(update={"key": letter * 64})


def settled(ledger: Ledger, run: RunRecord, verdict: GateResult, against: int) -> Decision:
    decision = Registry(ledger).record(
        run, verdict, number=len(ledger.decisions(run)) + 1, against=against, report="report"
    )
    assert decision is not None
    return decision


def test_complete_first_model_becomes_champion_number_one(ledger: Ledger, run: RunRecord) -> None:
    decision = settled(ledger, run, judge(GOOD, None), 0)
    assert Registry(ledger).applied_decision(run) is None
    promotion = Registry(ledger).promote(run, collected(run), decision)
    assert promotion is not None
    assert promotion.number == 1
    assert ledger.champion(run.model) == promotion
    assert Registry(ledger).applied_decision(run) == decision


def test_promoting_twice_is_promoting_once(ledger: Ledger, run: RunRecord) -> None:
    decision = settled(ledger, run, judge(GOOD, None), 0)
    first = Registry(ledger).promote(run, collected(run), decision)
    assert Registry(ledger).promote(run, collected(run), decision) == first
    assert len(ledger.promotions(run.model)) == 1


def test_incomplete_evaluation_is_rejected_with_the_image_named(ledger: Ledger, run: RunRecord) -> None:
    verdict = judge(BAD, GOOD)
    assert verdict.verdict == "reject"
    assert "seed 1" in verdict.reason
    decision = settled(ledger, run, verdict, 1)
    assert Registry(ledger).applied_decision(run) == decision
    with pytest.raises(LedgerError, match="not decided to be promoted"):
        Registry(ledger).promote(run, collected(run), decision)


def test_decision_that_lost_the_race_for_its_number_no_longer_stands(ledger: Ledger, run: RunRecord) -> None:
    slow, quick = of_key(run, "a"), of_key(run, "b")
    late = settled(ledger, slow, judge(GOOD, None), 0)
    first = settled(ledger, quick, judge(GOOD, None), 0)
    assert Registry(ledger).promote(quick, collected(quick), first)
    assert Registry(ledger).promote(slow, collected(slow), late) is None
    assert Registry(ledger).current_decision(slow) is None
    again = settled(ledger, slow, judge(GOOD, GOOD), 1)
    second = Registry(ledger).promote(slow, collected(slow), again)
    assert second is not None
    assert second.number == 2
    assert Registry(ledger).applied_decision(quick) == first


def test_new_plan_on_the_reigning_model_promotes_nothing_anew(ledger: Ledger, run: RunRecord) -> None:
    first = settled(ledger, run, judge(GOOD, None), 0)
    Registry(ledger).promote(run, collected(run), first)
    plan = run.plan.model_copy(update={"seeds": (9,)})
    other = run.model_copy(update={"plan": plan})
    assert Registry(ledger).current_decision(other) is None
    second = settled(ledger, other, judge(GOOD, None), 1)
    assert Registry(ledger).promote(other, collected(other), second)
    assert len(ledger.promotions(run.model)) == 1
    assert Registry(ledger).applied_decision(other) == second


def test_decision_that_was_judged_before_another_one_was_written_is_not_written_after_it(
    ledger: Ledger, run: RunRecord
) -> None:
    first = Registry(ledger).record(run, judge(GOOD, None), number=1, against=0, report="report")
    second = Registry(ledger).record(run, judge(BAD, None), number=1, against=0, report="report")
    assert second == first
    assert len(ledger.decisions(run)) == 1


def test_run_that_was_abandoned_decides_nothing_for_another_run_of_the_same_model(
    ledger: Ledger, run: RunRecord
) -> None:
    other = run.model_copy(update={"flow_run": "99999999-9999-9999-9999-999999999999"})
    Registry(ledger).abandon(run, "cancelled")
    assert Registry(ledger).current_decision(other) is None
    assert Registry(ledger).record(other, judge(GOOD, None), number=1, against=0, report="report") is None
    assert settled(ledger, other, judge(GOOD, None), 0).verdict == "promote"


def test_champion_that_was_replaced_while_it_was_judged_again_is_done(ledger: Ledger, run: RunRecord) -> None:
    first = settled(ledger, run, judge(GOOD, None), 0)
    assert Registry(ledger).promote(run, collected(run), first)
    on_another_plan = run.model_copy(update={"plan": EvaluationConfig(seeds=(7,))})
    again = settled(ledger, on_another_plan, judge(GOOD, None), 1)
    other = of_key(run, "b")
    newer = settled(ledger, other, judge(GOOD, GOOD), 1)
    assert Registry(ledger).promote(other, collected(other), newer)
    # It was promoted before, and a later one has replaced it: nothing is left to be carried out.
    done = Registry(ledger).promote(on_another_plan, collected(run), again)
    assert done is not None
    assert done.number == 1
    assert Registry(ledger).applied_decision(on_another_plan) == again

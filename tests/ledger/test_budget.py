from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.bent import BentProvider
from tests.ledger.test_submission import old_claim, trainings
from tuneloop.clock import now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    AmbiguousSubmit,
    BudgetExceeded,
    ConfigurationError,
    CorruptRecord,
    ProviderUnavailable,
    RequestRejected,
    TrainingOnHold,
)
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe, price_of
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Abandoned, Claimed, Failed, Held, HeldKind, RunRecord, Submitted
from tuneloop.schemas.spending import WINDOW_DAYS, SpendingLimits, window_of

THREE_A_DAY = SpendingLimits(trainings_per_day=3)


def other_key(run: RunRecord, number: int) -> RunRecord:
    return run.model_copy(update={"key": f"{number:064x}", "flow_run": f"00000000-0000-0000-0000-{number:012d}"})


def claimed(
    ledger: Ledger, run: RunRecord, at: datetime | None = None, waived: tuple[HeldKind, ...] = ()
) -> Claimed:
    claim = old_claim(run, timedelta(0)).model_copy(update={"waived": waived, "created_at": at or now()})
    ledger.append(run.key, ledger.last(run.key), claim)
    return claim


def ended_unpaid(ledger: Ledger, run: RunRecord, claim: Claimed) -> None:
    end = Abandoned(created_at=now(), attempt=claim.attempt, name=claim.name, reason="never sent", paid=False)
    ledger.append(run.key, claim, end)


def test_limit_of_three_a_day_lets_three_through_and_names_what_is_used(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, THREE_A_DAY)
    for number in range(1, 4):
        mine = other_key(run, number)
        claim = claimed(ledger, mine)
        assert budget.reserve(mine, None, claim, claim).number == number
    fourth = other_key(run, 4)
    claim = claimed(ledger, fourth)
    with pytest.raises(BudgetExceeded, match=r"3 of 3 trainings of segmind\.default are used today"):
        budget.reserve(fourth, None, claim, claim)


def test_slot_that_lies_under_another_number_stops_the_budget_by_name(ledger: Ledger, run: RunRecord) -> None:
    budget, claim = Budget(ledger, run.account, THREE_A_DAY), claimed(ledger, run)
    budget.reserve(run, None, claim, claim)
    (slot,) = ledger.store.names("budget/")
    ledger.store.create(slot.replace("0001", "0002"), ledger.store.read(slot))
    with pytest.raises(CorruptRecord, match=r"0002\.json says that it is slot 1; restore its folder"):
        budget.reserve(other_key(run, 2), None, claim, claim)


def test_limit_in_money_counts_the_price_of_the_next_one_too(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=1000))
    first, second, third = (other_key(run, number) for number in (1, 2, 3))
    for mine in (first, second):
        claim = claimed(ledger, mine)
        budget.reserve(mine, 400, claim, claim)
    claim = claimed(ledger, third)
    with pytest.raises(BudgetExceeded, match=r"\$8.00 of \$10.00 .* this training costs \$4.00"):
        budget.reserve(third, 400, claim, claim)
    assert budget.reserve(third, 200, claim, claim).cents_so_far == 1000


def test_training_keeps_its_place_however_often_it_is_claimed(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1))
    first = claimed(ledger, run)
    slot = budget.reserve(run, 400, first, first)
    again = claimed(ledger, run)
    assert budget.reserve(run, 400, again, first) == slot
    assert budget.spending(now().date()).trainings_today == 1


def test_place_of_a_training_that_ended_unpaid_is_given_to_the_next_one(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1, cents_per_window=400))
    first = claimed(ledger, run)
    budget.reserve(run, 400, first, first)
    ended_unpaid(ledger, run, first)
    other = other_key(run, 7)
    claim = claimed(ledger, other)
    assert budget.reserve(other, 400, claim, claim).number == 2
    assert budget.spending(now().date()).cents == 400
    third = other_key(run, 8)
    claim = claimed(ledger, third)
    with pytest.raises(BudgetExceeded):
        budget.reserve(third, 400, claim, claim)


def test_approved_training_is_let_over_the_limit_and_counts(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=0))
    claim = claimed(ledger, run, waived=("budget",))
    budget.reserve(run, None, claim, claim)
    assert budget.spending(now().date()).trainings_today == 1


def test_new_day_and_new_window_begin_from_nothing(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1, cents_per_window=400))
    start = datetime.combine(window_of(date(2026, 11, 21)), datetime.min.time(), tzinfo=UTC)
    first, tomorrow, later = (other_key(run, number) for number in (1, 2, 3))
    claim = claimed(ledger, first, start)
    budget.reserve(first, 400, claim, claim)
    claim = claimed(ledger, tomorrow, start + timedelta(days=1))
    with pytest.raises(BudgetExceeded, match="are used in the 30 days"):
        budget.reserve(tomorrow, 400, claim, claim)
    assert budget.reserve(tomorrow, 0, claim, claim).number == 2
    claim = claimed(ledger, later, start + timedelta(days=WINDOW_DAYS))
    assert budget.reserve(later, 400, claim, claim).number == 1


def test_training_that_is_taken_over_in_the_next_window_keeps_its_place_in_the_old_one(
    ledger: Ledger, run: RunRecord
) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=400))
    midnight = datetime.combine(window_of(date(2026, 11, 21)), datetime.min.time(), tzinfo=UTC)
    first = claimed(ledger, run, midnight - timedelta(seconds=30))
    slot = budget.reserve(run, 400, first, first)
    again = claimed(ledger, run, midnight + timedelta(minutes=19))
    assert budget.reserve(run, 400, again, first) == slot


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_every_day_is_in_one_window_of_thirty_days(day: date) -> None:
    start = window_of(day)
    assert start <= day < start + timedelta(days=WINDOW_DAYS)
    assert window_of(start) == start


def test_limit_in_money_without_a_price_is_refused_before_anything_is_claimed(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits(cents_per_window=1000))
    with pytest.raises(ConfigurationError, match="dollars_per_training"):
        submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    assert ledger.history(run.key) == []


@pytest.mark.parametrize(
    ("iterations", "cents"), [(100, 200), (149, 200), (150, 400), (499, 400), (500, 600), (1000, 600)]
)
def test_price_of_a_bfl_finetune_follows_its_iterations(iterations: int, cents: int) -> None:
    assert price_of(BflFinetuneRecipe(mode="product", iterations=iterations)).cents == cents


def test_submit_over_the_limit_is_held_and_sends_nothing_until_a_person_approves(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits(trainings_per_day=0))
    with pytest.raises(TrainingOnHold, match="0 of 0 trainings"):
        submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    held = TrainingLog(ledger, run.key, 1)
    assert isinstance(held.last, Held)
    assert held.last.kind == "budget"
    assert trainings(emulator) == 0
    submit_training(provider, held, replace(order, approval="agreed with finance"))
    assert trainings(emulator) == 1
    claims = [record for record in ledger.history(run.key) if isinstance(record, Claimed)]
    assert [claim.approval for claim in claims] == [None, "agreed with finance"]


def test_approved_submit_is_looked_after_before_it_is_sent_though_others_have_given_its_hold_up(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    order = replace(order, limits=SpendingLimits(trainings_per_day=0))
    with pytest.raises(TrainingOnHold):
        submit_training(bent, TrainingLog.of(ledger, order.run), order)
    ledger.unmark(order.run)
    emulator.inject(Fault("cut_before_effect", "/finetune/request/submit", "POST"))
    with pytest.raises(AmbiguousSubmit):
        submit_training(bent, TrainingLog.of(ledger, order.run), replace(order, approval="agreed with finance"))
    assert ledger.is_marked(order.run)


def test_refused_submit_gives_its_place_back(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    one_a_day = SpendingLimits(trainings_per_day=1)
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("refuse", "/finetune/request/submit", "POST", status=400))
    first = SubmitRequest(run, recipe, uploaded, one_a_day)
    with pytest.raises(RequestRejected):
        submit_training(provider, TrainingLog(ledger, run.key, 1), first)
    other = other_key(run, 5)
    second = SubmitRequest(other, recipe, uploaded, one_a_day)
    submit_training(provider, TrainingLog(ledger, other.key, 1), second)
    assert trainings(emulator) == 1


def test_sixty_four_racing_runs_against_a_budget_for_three_pay_exactly_three(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded, start, held = provider.deliver("a-name", archive), Barrier(64), []

    def race(number: int) -> None:
        mine = other_key(run, number)
        order = SubmitRequest(mine, recipe, uploaded, THREE_A_DAY)
        client = SegmindProvider(emulator.api_key, base_url=emulator.url)
        start.wait()
        for _ in range(200):
            try:
                submit_training(client, TrainingLog(ledger, mine.key, 1), order)
            except ProviderUnavailable:
                continue  # sixty-four looks at once are many; nothing was claimed
            except TrainingOnHold:
                held.append(number)
            return

    threads = [Thread(target=race, args=(number,)) for number in range(1, 65)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings(emulator) == 3
    assert len(held) == 61
    assert Budget(ledger, run.account, THREE_A_DAY).spending(now().date()).trainings_today == 3


def test_bad_end_of_a_training_that_was_in_doubt_keeps_its_place_and_starts_no_new_attempt(
    ledger: Ledger, run: RunRecord
) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1))
    first = claimed(ledger, run)
    budget.reserve(run, None, first, first)
    held = Held(created_at=now(), attempt=1, name=first.name, reason="nobody can tell")
    ledger.append(run.key, first, held)
    approved = claimed(ledger, run)
    submitted = Submitted(created_at=now(), attempt=1, name=first.name, job_id="second", found_by="answer")
    ledger.append(run.key, approved, submitted)
    failed = Failed(
        created_at=now(), attempt=1, name=first.name, job_id="second", provider_status="FAILED", reason="no GPU"
    )
    ledger.append(run.key, submitted, failed)
    other = other_key(run, 9)
    claim = claimed(ledger, other)
    with pytest.raises(BudgetExceeded):
        budget.reserve(other, None, claim, claim)
    assert choose_attempt(ledger, run.key, None) == 1
    assert choose_attempt(ledger, run.key, "the console shows no other job") == 2

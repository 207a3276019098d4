from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from tuneloop.clock import now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    LedgerError,
    RateLimited,
    RecordConflict,
    TrainingOnHold,
)
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Claimed, Held, Rejected, RunRecord
from tuneloop.schemas.spending import SpendingLimits

SUBMIT = "/finetune/request/submit"


def trainings(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "training" for entry in emulator.billing())


def old_claim(run: RunRecord, age: timedelta) -> Claimed:
    until = now() - age
    return Claimed(
        created_at=until - timedelta(seconds=60),
        attempt=run.attempt,
        name=f"{run.key[:16]}-g{run.attempt}",
        nonce="another process",
        flow_run=run.flow_run,
        submit_deadline=until,
        take_over_after=until + timedelta(seconds=1080),
        account=run.account,
        credentials=run.credentials,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
    )


def test_submit_leaves_claim_and_id(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    submitted = submit_training(
        provider,
        TrainingLog(ledger, run.key, 1),
        SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits()),
    )
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "submitted"]
    assert submitted.name == f"{run.key[:16]}-g1"


def test_lost_answer_is_found_in_the_list(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("cut_after_effect", SUBMIT, "POST"))
    submitted = submit_training(
        provider,
        TrainingLog(ledger, run.key, 1),
        SubmitRequest(run, recipe, uploaded, SpendingLimits()),
    )
    assert submitted.found_by == "list"
    assert trainings(emulator) == 1


def test_rate_limited_submit_is_recorded_as_unpaid(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=429))
    with pytest.raises(RateLimited):
        submit_training(
            provider,
            TrainingLog(ledger, run.key, 1),
            SubmitRequest(run, recipe, uploaded, SpendingLimits()),
        )
    assert isinstance(ledger.last(run.key), Rejected)
    assert choose_attempt(ledger, run.key, None) == 2


def test_racing_runs_pay_once(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.deliver("a-name", archive)
    nothing_yet = TrainingLog(ledger, run.key, 1)
    start = Barrier(8)
    ends: list[str] = []

    def race() -> None:
        start.wait()
        try:
            ends.append(
                submit_training(
                    provider, nothing_yet, SubmitRequest(run, recipe, uploaded, SpendingLimits())
                ).state
            )
        except (RecordConflict, LedgerError):
            ends.append("lost")

    threads = [Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["lost"] * 7 + ["submitted"]
    assert trainings(emulator) == 1


def test_submit_decided_before_somebody_elses_claim_is_refused(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    nothing_yet = TrainingLog(ledger, run.key, 1)
    uploaded = provider.deliver("a-name", archive)
    ledger.append(run.key, None, old_claim(run, timedelta(seconds=-60)))
    with pytest.raises(RecordConflict):
        submit_training(provider, nothing_yet, SubmitRequest(run, recipe, uploaded, SpendingLimits()))
    assert trainings(emulator) == 0


def test_after_three_bad_ends_in_a_row_the_fourth_is_held_and_sends_nothing(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    last = None
    for attempt in (1, 2, 3):
        numbered = run.model_copy(update={"attempt": attempt})
        claim = old_claim(numbered, timedelta(days=1))
        ledger.append(run.key, last, claim)
        last = Rejected(created_at=now(), attempt=attempt, name=claim.name, reason="no such thing")
        ledger.append(run.key, claim, last)
    assert choose_attempt(ledger, run.key, None) == 4
    fourth = run.model_copy(update={"attempt": 4})
    order = SubmitRequest(fourth, recipe, provider.deliver("a-name", archive), SpendingLimits())
    with pytest.raises(TrainingOnHold, match="3 times in a row, the last time: no such thing"):
        submit_training(provider, TrainingLog(ledger, run.key, 4), order)
    assert trainings(emulator) == 0
    held = TrainingLog(ledger, run.key, 4)
    assert isinstance(held.last, Held)
    assert held.last.kind == "attempts"
    approved = replace(order, approval="the provider has mended it")
    assert submit_training(provider, held, approved).name.endswith("-g4")
    assert trainings(emulator) == 1


def test_thirty_two_racing_runs_on_one_key_pay_once(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded, start = provider.deliver("a-name", archive), Barrier(32)

    def race(number: int) -> None:
        mine = run.model_copy(update={"flow_run": f"00000000-0000-0000-0000-{number:012d}"})
        client = SegmindProvider(emulator.api_key, base_url=emulator.url)
        order = SubmitRequest(mine, recipe, uploaded, SpendingLimits())
        start.wait()
        with suppress(RecordConflict):
            submit_training(client, TrainingLog(ledger, run.key, 1), order)

    threads = [Thread(target=race, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings(emulator) == 1
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "submitted"]

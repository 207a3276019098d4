from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from tuneloop.clock import Deadline, now
from tuneloop.collection import collect_weights
from tuneloop.dataset.pack import DatasetArchive
from tuneloop.doubt import find_submitted, may_claim_again, record_id
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    LedgerError,
    PaidTwice,
    RateLimited,
    RecordTaken,
    RecordUnreadable,
    RequestRefused,
    SubmissionUncertain,
    TrainingHeld,
)
from tuneloop.generations import choose_generation
from tuneloop.ledger import Ledger
from tuneloop.providers.segmind import SegmindProvider
from tuneloop.status import doubles
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.submission import Order, submit_training
from tuneloop.training_state import read_training, record_progress
from tuneloop.values.records import Claimed, Collected, Failed, Held, Rejected, RunFile, Submitted, Trained
from tuneloop.values.segmind_recipes import FluxLoraRecipe
from tuneloop.values.spending import Limits

SUBMIT = "/finetune/request/submit"


def trainings(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "training" for entry in emulator.billing())


def old_claim(run: RunFile, age: timedelta) -> Claimed:
    until = now() - age
    return Claimed(
        at=until - timedelta(seconds=60),
        generation=run.generation,
        name=f"{run.key[:16]}-g{run.generation}",
        nonce="another process",
        flow_run=run.flow_run,
        until=until,
        take_over_after=until + timedelta(seconds=1080),
        account=run.account,
        credentials=run.credentials,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
    )


def test_submit_leaves_claim_and_id(
    ledger: Ledger, provider: SegmindProvider, run: RunFile, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    submitted = submit_training(
        ledger,
        provider,
        read_training(ledger, run.key, 1),
        Order(run, recipe, provider.upload(archive), archive, Limits()),
    )
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "submitted"]
    assert submitted.name == f"{run.key[:16]}-g1"


def test_lost_answer_is_found_in_the_list(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.upload(archive)
    emulator.inject(Fault("cut_after_effect", SUBMIT, "POST"))
    submitted = submit_training(
        ledger, provider, read_training(ledger, run.key, 1), Order(run, recipe, uploaded, archive, Limits())
    )
    assert submitted.found_by == "list"
    assert trainings(emulator) == 1


def test_no_answer_and_no_job_leaves_the_claim_standing(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.upload(archive)
    emulator.inject(Fault("cut_before_effect", SUBMIT, "POST"))
    with pytest.raises(SubmissionUncertain):
        submit_training(
            ledger, provider, read_training(ledger, run.key, 1), Order(run, recipe, uploaded, archive, Limits())
        )
    assert isinstance(ledger.last(run.key), Claimed)
    assert not may_claim_again(provider, read_training(ledger, run.key, 1))


def test_rate_limited_submit_is_recorded_as_unpaid(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.upload(archive)
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=429))
    with pytest.raises(RateLimited):
        submit_training(
            ledger, provider, read_training(ledger, run.key, 1), Order(run, recipe, uploaded, archive, Limits())
        )
    assert isinstance(ledger.last(run.key), Rejected)
    assert choose_generation(ledger, run.key, None) == 2


def test_stale_claim_is_taken_over_only_after_every_margin(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    ledger.append(run.key, None, old_claim(run, timedelta(minutes=17)))
    assert not may_claim_again(provider, read_training(ledger, run.key, 1))
    ledger.append(run.key, ledger.last(run.key), old_claim(run, timedelta(minutes=19)))
    assert may_claim_again(provider, read_training(ledger, run.key, 1))
    submit_training(
        ledger,
        provider,
        read_training(ledger, run.key, 1),
        Order(run, recipe, provider.upload(archive), archive, Limits()),
    )
    assert trainings(emulator) == 1
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "claimed", "claimed", "submitted"]


def test_stale_claim_whose_job_exists_is_adopted_not_paid_again(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    provider.submit(f"{run.key[:16]}-g1", recipe, provider.upload(archive), archive, Deadline(60))
    ledger.append(run.key, None, old_claim(run, timedelta(days=1)))
    assert not may_claim_again(provider, read_training(ledger, run.key, 1))
    found = find_submitted(ledger, provider, run.key, 1)
    assert isinstance(found, Submitted)
    assert trainings(emulator) == 1


def test_racing_runs_pay_once(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded = provider.upload(archive)
    nothing_yet = read_training(ledger, run.key, 1)
    start = Barrier(8)
    ends: list[str] = []

    def race() -> None:
        start.wait()
        try:
            ends.append(
                submit_training(
                    ledger, provider, nothing_yet, Order(run, recipe, uploaded, archive, Limits())
                ).state
            )
        except (RecordTaken, LedgerError):
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
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    nothing_yet = read_training(ledger, run.key, 1)
    uploaded = provider.upload(archive)
    ledger.append(run.key, None, old_claim(run, timedelta(seconds=-60)))
    with pytest.raises(RecordTaken):
        submit_training(ledger, provider, nothing_yet, Order(run, recipe, uploaded, archive, Limits()))
    assert trainings(emulator) == 0


def test_collected_weights_have_the_recorded_sha256(
    ledger: Ledger, provider: SegmindProvider, run: RunFile, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    submitted = submit_training(
        ledger,
        provider,
        read_training(ledger, run.key, 1),
        Order(run, recipe, provider.upload(archive), archive, Limits()),
    )
    record_progress(ledger, run.key, 1, provider.status(submitted.job_id))
    collected = collect_weights(ledger, provider, run.key, 1)
    assert collected.weights is not None
    data = ledger.store.read(collected.weights)
    assert hashlib.sha256(data).hexdigest() == collected.sha256
    assert len(data) == collected.size_bytes
    assert collect_weights(ledger, provider, run.key, 1) == collected


def test_link_to_the_weights_that_has_expired_is_asked_for_again(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    order = Order(run, recipe, provider.upload(archive), archive, Limits())
    submitted = submit_training(ledger, provider, read_training(ledger, run.key, 1), order)
    record_progress(ledger, run.key, 1, provider.status(submitted.job_id))
    emulator.inject(Fault("refuse", "/s3/", "GET", status=403, times=2))
    assert collect_weights(ledger, provider, run.key, 1).sha256
    links = [request for request in emulator.requests() if request.path == "/finetune/request/file/download"]
    assert len(links) == 3


def test_upload_to_a_place_whose_time_is_over_is_made_to_a_new_one(
    provider: SegmindProvider, archive: DatasetArchive, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", "/s3/", "PUT", status=403))
    assert provider.upload(archive).size_bytes == archive.size_bytes


def test_failed_job_is_recorded_with_the_providers_reason(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    emulator.progress(Progress.after_polls(50))
    submitted = submit_training(
        ledger,
        provider,
        read_training(ledger, run.key, 1),
        Order(run, recipe, provider.upload(archive), archive, Limits()),
    )
    emulator.fail_job(submitted.job_id, "GPU overloaded")
    last = record_progress(ledger, run.key, 1, provider.status(submitted.job_id))
    assert isinstance(last, Failed)
    assert last.reason == "GPU overloaded"
    assert choose_generation(ledger, run.key, None) == 2


def test_after_three_bad_ends_in_a_row_the_fourth_is_held_and_sends_nothing(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    last = None
    for generation in (1, 2, 3):
        numbered = run.model_copy(update={"generation": generation})
        claim = old_claim(numbered, timedelta(days=1))
        ledger.append(run.key, last, claim)
        last = Rejected(at=now(), generation=generation, name=claim.name, reason="no such thing")
        ledger.append(run.key, claim, last)
    assert choose_generation(ledger, run.key, None) == 4
    fourth = run.model_copy(update={"generation": 4})
    order = Order(fourth, recipe, provider.upload(archive), archive, Limits())
    with pytest.raises(TrainingHeld, match="3 times in a row, the last time: no such thing"):
        submit_training(ledger, provider, read_training(ledger, run.key, 4), order)
    assert trainings(emulator) == 0
    held = read_training(ledger, run.key, 4)
    assert isinstance(held.last, Held)
    assert held.last.kind == "attempts"
    approved = replace(order, approval="the provider has mended it")
    assert submit_training(ledger, provider, held, approved).name.endswith("-g4")
    assert trainings(emulator) == 1


def test_unchanged_training_is_trained_again_only_on_request(ledger: Ledger, run: RunFile) -> None:
    claim = old_claim(run, timedelta(days=1))
    steps: list[Claimed | Submitted | Trained | Collected] = [
        claim,
        Submitted(at=now(), generation=1, name=claim.name, job_id="j", found_by="answer"),
        Trained(at=now(), generation=1, name=claim.name, job_id="j", word="AVAILABLE"),
        Collected(at=now(), generation=1, name=claim.name, job_id="j", weights="w", sha256="0" * 64, size_bytes=1),
    ]
    before = None
    for record in steps:
        ledger.append(run.key, before, record)
        before = record
    assert choose_generation(ledger, run.key, None) == 1
    assert choose_generation(ledger, run.key, "new base model") == 2


def test_a_gap_stops_with_an_error(ledger: Ledger, artifacts: LocalDirectory, run: RunFile) -> None:
    claim = old_claim(run, timedelta(days=1))
    artifacts.create(f"trainings/{run.key}/0002.json", claim.model_dump_json().encode())
    with pytest.raises(RecordUnreadable, match=r"gap at .*0001"):
        ledger.last(run.key)


def test_an_unreadable_record_is_not_an_absent_one(
    ledger: Ledger, artifacts: LocalDirectory, run: RunFile
) -> None:
    artifacts.create(f"trainings/{run.key}/0001.json", b"{}")
    with pytest.raises(RecordUnreadable, match="restore it"):
        ledger.last(run.key)


def test_illegal_steps_are_refused(ledger: Ledger, run: RunFile) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    trained = Trained(at=now(), generation=1, name=claim.name, job_id="j", word="AVAILABLE")
    with pytest.raises(LedgerError, match=r"trained .* cannot follow claimed"):
        ledger.append(run.key, claim, trained)


def test_first_run_file_wins(ledger: Ledger, run: RunFile) -> None:
    ledger.remember_run(run)
    other = run.model_copy(update={"generation": 2, "writer": "somebody else"})
    assert ledger.remember_run(other).generation == 1


def test_refusal_after_an_approval_says_nothing_about_the_submit_that_was_in_doubt(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    ledger.append(run.key, claim, Held(at=now(), generation=1, name=claim.name, reason="nobody can tell"))
    order = Order(run, recipe, provider.upload(archive), archive, Limits(), approval="it is not in the console")
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=400))
    with pytest.raises(RequestRefused):
        submit_training(ledger, provider, read_training(ledger, run.key, 1), order)
    last = ledger.last(run.key)
    assert isinstance(last, Held)
    assert "stays in doubt" in last.reason
    assert choose_generation(ledger, run.key, None) == 1


def test_job_that_shows_up_under_a_held_training_is_followed(
    ledger: Ledger, provider: SegmindProvider, run: RunFile, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    ledger.append(run.key, claim, Held(at=now(), generation=1, name=claim.name, reason="nobody can tell"))
    job_id = provider.submit(claim.name, recipe, provider.upload(archive), archive, Deadline(60))
    found = find_submitted(ledger, provider, run.key, 1)
    assert found is not None
    assert (found.job_id, found.found_by) == (job_id, "list")


def test_second_job_of_one_name_is_recorded_and_named(
    ledger: Ledger, provider: SegmindProvider, run: RunFile, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    uploaded = provider.upload(archive)
    order = Order(run, recipe, uploaded, archive, Limits())
    submitted = submit_training(ledger, provider, read_training(ledger, run.key, 1), order)
    second = provider.submit(submitted.name, recipe, uploaded, archive, Deadline(60))
    with pytest.raises(PaidTwice, match=second):
        record_id(ledger, read_training(ledger, run.key, 1), second, "answer")
    (double,) = doubles(ledger)
    assert (double.job_id, double.followed) == (second, submitted.job_id)


def test_thirty_two_racing_runs_on_one_key_pay_once(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunFile,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    uploaded, start = provider.upload(archive), Barrier(32)

    def race(number: int) -> None:
        mine = run.model_copy(update={"flow_run": f"00000000-0000-0000-0000-{number:012d}"})
        client = SegmindProvider(emulator.api_key, base_url=emulator.url)
        order = Order(mine, recipe, uploaded, archive, Limits())
        start.wait()
        with suppress(RecordTaken):
            submit_training(ledger, client, read_training(ledger, run.key, 1), order)

    threads = [Thread(target=race, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings(emulator) == 1
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "submitted"]

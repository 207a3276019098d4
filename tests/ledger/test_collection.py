from __future__ import annotations

import hashlib

from tuneloop.collection import collect_weights
from tuneloop.dataset.pack import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.generations import choose_generation
from tuneloop.ledger import Ledger
from tuneloop.providers.segmind import SegmindProvider
from tuneloop.submission import Order, submit_training
from tuneloop.training_state import read_training, record_progress
from tuneloop.values.records import Failed, RunFile
from tuneloop.values.segmind_recipes import FluxLoraRecipe
from tuneloop.values.spending import Limits


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

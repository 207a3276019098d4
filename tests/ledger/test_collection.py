from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.registry.conftest import promotion_of
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import InvalidWeights
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.collection import collect_weights, is_whole, restore_weights, weights_problem
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Collected, Failed, Promotion, RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission


def test_collected_weights_have_the_recorded_sha256(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> None:
    submitted = submit_training(
        provider,
        TrainingLog(ledger, run.key, 1),
        SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits()),
    )
    record_progress(ledger, run, provider.get_job(Submission(job_id=submitted.job_id)))
    collected = collect_weights(provider, TrainingLog(ledger, run.key, 1))
    assert collected.weights is not None
    data = ledger.store.read(collected.weights)
    assert hashlib.sha256(data).hexdigest() == collected.sha256
    assert len(data) == collected.size_bytes
    assert collect_weights(provider, TrainingLog(ledger, run.key, 1)) == collected


@pytest.fixture
def trained(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> str:
    """A training whose weights are still at the provider; the folder they go into."""
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits())
    submitted = submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    record_progress(ledger, run, provider.get_job(Submission(job_id=submitted.job_id)))
    return f"weights/{submitted.name}/"


@pytest.mark.parametrize("stray", ["README.txt", "a.safetensors", "lora.safetensors.sync-conflict"])
def test_file_beside_the_weights_is_not_taken_for_them(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, trained: str, stray: str
) -> None:
    ledger.store.create(trained + stray, b"not weights")
    collected = collect_weights(provider, TrainingLog(ledger, run.key, 1))
    assert collected.weights == f"{trained}lora.safetensors"
    assert is_whole(ledger.store, collected.weights)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_broken_file_under_the_name_of_the_weights_is_left_alone_and_another_name_is_taken(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, trained: str, length: int
) -> None:
    with provider.open_weights(Submission(job_id=str(TrainingLog(ledger, run.key, 1).job_id)))[-1].read(
        0, None
    ) as chunks:
        whole = b"".join(chunks)
    ledger.store.create(f"{trained}lora.safetensors", whole[:length])
    collected = collect_weights(provider, TrainingLog(ledger, run.key, 1))
    assert collected.weights == f"{trained}lora-2.safetensors"
    assert ledger.store.read(collected.weights) == whole
    assert ledger.store.read(f"{trained}lora.safetensors") == whole[:length]


def test_weights_that_are_there_already_are_recorded_without_asking_for_them(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, trained: str, emulator: EmulatorControl
) -> None:
    with provider.open_weights(Submission(job_id=str(TrainingLog(ledger, run.key, 1).job_id)))[-1].read(
        0, None
    ) as chunks:
        whole = b"".join(chunks)
    ledger.store.create(f"{trained}lora.safetensors", whole)
    before = len(emulator.requests())
    assert collect_weights(provider, TrainingLog(ledger, run.key, 1)).sha256 == hashlib.sha256(whole).hexdigest()
    assert len(emulator.requests()) == before


def promoted(run: RunRecord, collected: Collected) -> Promotion:
    return promotion_of("a", run.model, 1).model_copy(
        update={
            "key": run.key,
            "job_id": collected.job_id,
            "weights": collected.weights,
            "sha256": collected.sha256,
        }
    )


@pytest.mark.usefixtures("trained")
def test_weights_that_are_gone_or_cut_are_a_problem_that_is_told(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, tmp_path: Path
) -> None:
    champion = promoted(run, collect_weights(provider, TrainingLog(ledger, run.key, 1)))
    assert weights_problem(ledger, champion) is None
    assert weights_problem(ledger, champion.model_copy(update={"weights": None})) is None
    file = tmp_path / "artifacts" / str(champion.weights)
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(whole[:-1])
    assert f"{len(whole) - 1:,} bytes, and {len(whole):,} were collected" in str(weights_problem(ledger, champion))
    file.unlink()
    assert "are gone" in str(weights_problem(ledger, champion))


@pytest.mark.usefixtures("trained")
def test_weights_that_are_gone_are_fetched_again_and_only_the_same_bytes(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord, tmp_path: Path
) -> None:
    champion = promoted(run, collect_weights(provider, TrainingLog(ledger, run.key, 1)))
    file = tmp_path / "artifacts" / str(champion.weights)
    with pytest.raises(InvalidWeights, match="exists already"):
        restore_weights(ledger.store, provider, champion)
    whole = file.read_bytes()
    file.unlink()
    with pytest.raises(InvalidWeights, match="other weights"):
        restore_weights(ledger.store, provider, champion.model_copy(update={"sha256": "0" * 64}))
    assert not file.exists()
    restore_weights(ledger.store, provider, champion)
    assert file.read_bytes() == whole


def test_link_to_the_weights_that_has_expired_is_asked_for_again(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits())
    submitted = submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    record_progress(ledger, run, provider.get_job(Submission(job_id=submitted.job_id)))
    emulator.inject(Fault("refuse", "/s3/", "GET", status=403, times=2))
    assert collect_weights(provider, TrainingLog(ledger, run.key, 1)).sha256
    links = [request for request in emulator.requests() if request.path == "/finetune/request/file/download"]
    assert len(links) == 3


def test_upload_to_a_place_whose_time_is_over_is_made_to_a_new_one(
    provider: SegmindProvider, archive: DatasetArchive, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", "/s3/", "PUT", status=403))
    assert provider.deliver("a-name", archive).size_bytes == archive.size_bytes


def test_failed_job_is_recorded_with_the_providers_reason(
    ledger: Ledger,
    provider: SegmindProvider,
    run: RunRecord,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    emulator: EmulatorControl,
) -> None:
    emulator.progress(Progress.after_polls(50))
    submitted = submit_training(
        provider,
        TrainingLog(ledger, run.key, 1),
        SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits()),
    )
    emulator.fail_job(submitted.job_id, "GPU overloaded")
    last = record_progress(ledger, run, provider.get_job(Submission(job_id=submitted.job_id)))
    assert isinstance(last, Failed)
    assert last.reason == "GPU overloaded"
    assert choose_attempt(ledger, run.key, None) == 2

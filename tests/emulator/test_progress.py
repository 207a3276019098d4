"""How a training moves from REQUESTED to its end, and comes back from a failure."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import Caller, dataset
from tests.emulator.webhook_receiver import Receiver
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress, running_emulator
from tuneloop.emulator.segmind.routes import PROVIDER as SEGMIND

STATES = [
    "REQUESTED",
    "QUEUED",
    "DATA_PROCESSING",
    "TRAINING_INITIATED",
    "TRAINING_COMPLETED",
    "INFERENCE_QUEUED",
    "AVAILABLE",
]


def _torn_image() -> bytes:
    whole, file = io.BytesIO(), io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(whole, "JPEG")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("00.jpg", whole.getvalue()[:-200])
    return file.getvalue()


def _status(caller: Caller, job_id: str) -> str:
    return str(caller.details(job_id)["status"])


def test_every_state_is_passed_poll_by_poll(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls(2))
    job_id = caller.train()
    seen = [_status(caller, job_id) for _ in range(13)]
    assert seen == ["REQUESTED"] + [state for state in STATES[1:-1] for _ in range(2)] + ["AVAILABLE"] * 2


def test_a_list_is_a_poll_of_every_training(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls())
    for name in ("one", "two"):
        caller.train(name=name)
    assert [job["status"] for job in caller.listed()] == ["QUEUED", "QUEUED"]
    assert [job["status"] for job in caller.listed()] == ["DATA_PROCESSING", "DATA_PROCESSING"]


def test_the_tests_own_look_is_no_poll(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls())
    caller.train()
    assert [emulator.jobs()[0].status for _ in range(3)] == ["REQUESTED"] * 3


def test_seconds_pass_with_the_clock(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_seconds(60))
    job_id = caller.train()
    seen = []
    for _ in STATES:
        seen.append(_status(caller, job_id))
        emulator.advance(60)
    assert seen == STATES


def test_a_training_can_be_held_before_it_draws(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_seconds(INFERENCE_QUEUED=3600))
    job_id = caller.train()
    assert _status(caller, job_id) == "INFERENCE_QUEUED"
    assert caller.image(job_id).status_code == 404
    emulator.advance(3600)
    assert caller.image(job_id).status_code == 200


def test_the_default_takes_eight_seconds_to_the_weights_and_three_to_the_first_image(
    emulator: EmulatorControl, caller: Caller
) -> None:
    emulator.progress(SEGMIND.progress)
    job_id = caller.train()
    emulator.advance(7.5)
    assert _status(caller, job_id) == "TRAINING_INITIATED"
    emulator.advance(0.6)
    assert _status(caller, job_id) == "TRAINING_COMPLETED"
    emulator.advance(3.0)
    assert _status(caller, job_id) == "INFERENCE_QUEUED"


def test_another_policy_moves_no_training_back(emulator: EmulatorControl, caller: Caller) -> None:
    job_id = caller.train()
    emulator.progress(Progress.after_seconds(3600))
    assert _status(caller, job_id) == "AVAILABLE"


def test_weights_exist_from_the_end_of_training_on(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls())
    job_id = caller.train()
    with_weights = {
        str(job["status"]) for job in (caller.details(job_id) for _ in STATES) if job["cloud_storage_url"]
    }
    assert with_weights == {"TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE"}


def test_a_training_can_be_failed_before_its_end_and_not_after(emulator: EmulatorControl, caller: Caller) -> None:
    done = caller.train()
    _status(caller, done)
    emulator.progress(Progress.after_seconds(3600))
    job_id = caller.train()
    emulator.fail_job(job_id, "GPU overloaded, try with smaller dataset")
    job = caller.details(job_id)
    assert (job["status"], job["error_message"]) == ("FAILED", "GPU overloaded, try with smaller dataset")
    with pytest.raises(EmulatorControlError, match="already ended"):
        emulator.fail_job(done, "too late")


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (dataset(0), "Looks like empty dataset. Please do not create subfolders, only zip the images"),
        (dataset(folder="set/"), "Looks like empty dataset. Please do not create subfolders, only zip the images"),
        (b"no zip at all", "Internal Server Error"),
        (dataset()[:-30], "Internal Server Error"),
        (_torn_image(), "Internal Server Error"),
    ],
    ids=["empty", "subfolder", "no zip", "torn zip", "torn image"],
)
def test_a_bad_dataset_fails_after_its_processing(
    emulator: EmulatorControl, caller: Caller, archive: bytes, message: str
) -> None:
    emulator.progress(Progress.after_polls())
    job_id = caller.train(archive)
    assert [_status(caller, job_id) for _ in range(4)] == ["QUEUED", "DATA_PROCESSING", "FAILED", "FAILED"]
    job = caller.details(job_id)
    assert job["error_message"] == message
    assert job["cloud_storage_url"] is None


def test_a_policy_with_a_state_the_provider_does_not_have_is_refused(emulator: EmulatorControl) -> None:
    with pytest.raises(EmulatorControlError, match="unknown state DEPLOYING"):
        emulator.progress(Progress.after_seconds(DEPLOYING=3))


@pytest.fixture
def bfl(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("bfl", tmp_path, progress=Progress.after_seconds(60)) as control:
        yield control


@pytest.fixture
def failed(emulator: EmulatorControl, caller: Caller) -> str:
    emulator.progress(Progress.after_seconds(60))
    job_id = caller.train()
    emulator.fail_job(job_id, "CUDA out of memory")
    assert caller.details(job_id)["status"] == caller.listed()[0]["status"] == "FAILED"
    return job_id


def test_a_failed_job_is_retried_and_becomes_available(
    emulator: EmulatorControl, caller: Caller, failed: str
) -> None:
    emulator.revive_job(failed, "RETRIED")
    assert caller.details(failed)["status"] == caller.listed()[0]["status"] == "RETRIED"
    assert caller.details(failed)["error_message"] is None
    emulator.advance(61)
    assert caller.details(failed)["status"] == "DATA_PROCESSING"
    emulator.advance(3600)
    assert caller.details(failed)["status"] == "AVAILABLE"
    assert caller.image(failed).status_code == 200


def test_a_failed_job_may_be_available_all_at_once(emulator: EmulatorControl, caller: Caller, failed: str) -> None:
    emulator.revive_job(failed, "AVAILABLE")
    assert caller.details(failed)["status"] == "AVAILABLE"
    assert caller.details(failed)["cloud_storage_url"]


def test_a_revived_job_is_charged_after_all(emulator: EmulatorControl, failed: str) -> None:
    assert [entry.refunded for entry in emulator.billing()] == [True]
    emulator.revive_job(failed, "RETRIED")
    assert [entry.refunded for entry in emulator.billing()] == [False]


def test_a_revived_job_may_fail_again(emulator: EmulatorControl, caller: Caller, failed: str) -> None:
    emulator.revive_job(failed, "RETRIED")
    emulator.fail_job(failed, "again")
    assert caller.details(failed)["error_message"] == "again"


def test_webhooks_of_a_revived_job_go_on(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver, failed: str
) -> None:
    emulator.webhook(receiver.url)
    emulator.revive_job(failed, "RETRIED")
    emulator.advance(3600)
    assert caller.details(failed)["status"] == "AVAILABLE"


def test_a_training_of_bfl_comes_back(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    job_id = caller.train()
    bfl.fail_job(job_id, "Error")
    bfl.revive_job(job_id, "Pending")
    assert caller.result(job_id)["status"] == "Pending"
    bfl.advance(61)
    assert caller.result(job_id)["status"] == "Ready"


def test_only_what_has_failed_comes_back(emulator: EmulatorControl, caller: Caller, failed: str) -> None:
    with pytest.raises(EmulatorControlError, match="choose one of REQUESTED"):
        emulator.revive_job(failed, "REVIVED")
    emulator.revive_job(failed, "RETRIED")
    for job_id in (failed, caller.train(), "none"):
        with pytest.raises(EmulatorControlError, match="has not failed"):
            emulator.revive_job(job_id, "RETRIED")

"""Jobs that come back after a bad end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import Caller
from tests.emulator.webhook_receiver import Receiver
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress, running_emulator


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


def test_only_what_has_ended_badly_comes_back(emulator: EmulatorControl, caller: Caller, failed: str) -> None:
    with pytest.raises(EmulatorControlError, match="choose one of REQUESTED"):
        emulator.revive_job(failed, "REVIVED")
    emulator.revive_job(failed, "RETRIED")
    for job_id in (failed, caller.train(), "none"):
        with pytest.raises(EmulatorControlError, match="has not failed"):
            emulator.revive_job(job_id, "RETRIED")

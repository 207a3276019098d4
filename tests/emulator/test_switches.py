"""Ways in which a provider may behave."""

from pathlib import Path

import pytest

from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress, Switches, running_emulator


def _names(caller: Caller) -> list[str]:
    return [job["name"] for job in caller.listed()]


def test_one_stage_has_two_words(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_seconds(INFERENCE_QUEUED=3600))
    job_id = caller.train()
    assert caller.details(job_id)["status"] == "INFERENCE_QUEUED"
    emulator.switch(deploying_status="DEPLOYING")
    assert caller.details(job_id)["status"] == caller.listed()[0]["status"] == "DEPLOYING"
    emulator.advance(3600)
    assert caller.details(job_id)["status"] == "AVAILABLE"


def test_the_link_to_the_weights_may_have_quotes(emulator: EmulatorControl, caller: Caller) -> None:
    job_id = caller.train()
    bare = caller.weights_link(job_id)
    emulator.switch(download_url="quoted")
    quoted = caller.weights_link(job_id)
    assert bare.startswith("http")
    assert (quoted[0], quoted[-1], quoted[1:5]) == ('"', '"', "http")


def test_a_late_list_shows_a_job_only_after_its_lag(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(list_lag_s=30)
    job_id = caller.train()
    assert caller.listed() == []
    assert caller.details(job_id)["name"] == "harbour"
    emulator.advance(29)
    assert caller.listed() == []
    emulator.advance(1)
    assert _names(caller) == ["harbour"]


def test_a_job_that_the_list_does_not_show_is_not_moved_by_it(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls())
    emulator.switch(list_lag_s=30)
    job_id = caller.train()
    for _ in range(5):
        caller.listed()
    assert caller.details(job_id)["status"] == "QUEUED"


def test_a_short_list_leaves_out_the_newest(emulator: EmulatorControl, caller: Caller) -> None:
    for name in ("one", "two", "three"):
        caller.train(name=name)
    for short, names in ((1, ["one", "two"]), (3, []), (9, []), (0, ["one", "two", "three"])):
        emulator.switch(list_short_by=short)
        assert _names(caller) == names


def test_an_accepted_job_may_never_be_listed(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(accepts_unlisted=True)
    lost = caller.train(name="lost")
    emulator.reset_switches()
    hidden = caller.train(name="hidden")
    caller.train(name="shown")
    emulator.unlist_job(hidden)
    assert _names(caller) == ["shown"]
    assert caller.details(lost)["status"] == "AVAILABLE"
    assert len(emulator.billing()) == 3


def test_switches_stay_over_a_restart_until_they_are_reset(tmp_path: Path) -> None:
    with running_emulator("segmind", tmp_path) as emulator:
        assert emulator.switch(list_lag_s=5).list_lag_s == 5
        emulator.switch(image_response="json")
    with running_emulator("segmind", tmp_path) as emulator:
        assert emulator.switches() == Switches(list_lag_s=5, image_response="json")
        emulator.reset_switches()
        assert emulator.switches() == Switches()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"list_lag": 5}, "list_lag: Unexpected keyword"),
        ({"list_lag_s": -1}, "list_lag_s: Input should be greater than or equal to 0"),
        ({"list_lag_s": "long"}, "valid number"),
        ({"list_short_by": -1}, "greater than or equal to 0"),
        ({"deploying_status": "READY"}, "Input should be 'INFERENCE_QUEUED' or 'DEPLOYING'"),
    ],
)
def test_a_switch_that_is_none_is_rejected_and_changes_nothing(
    emulator: EmulatorControl, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(EmulatorControlError, match=message):
        emulator.switch(**wrong)
    assert emulator.switches() == Switches()


def test_marking_a_job_that_is_not_there_is_refused(emulator: EmulatorControl) -> None:
    with pytest.raises(EmulatorControlError, match="there is none"):
        emulator.unlist_job("no-such-job")

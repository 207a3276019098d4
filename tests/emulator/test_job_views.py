"""Jobs and lists that are shown in ways no page documents."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress


def _comment(caller: BflCaller, job_id: str) -> object:
    response = caller.call("GET", "/v1/finetune_details", params={"finetune_id": job_id})
    return response.json()["finetune_details"].get("finetune_comment", "not there")


def test_a_name_may_be_null_for_a_while(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(name_lag_s=30)
    job_id = caller.train()
    assert caller.listed()[0]["name"] is caller.details(job_id)["name"] is None
    assert caller.listed()[0]["status"] == "AVAILABLE"
    emulator.advance(31)
    assert caller.listed()[0]["name"] == caller.details(job_id)["name"] == "harbour"


def test_a_comment_of_bfl_may_be_null_just_after_acceptance(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    bfl.switch(name_lag_s=30)
    job_id = caller.train(1)
    assert _comment(caller, job_id) is None
    bfl.advance(31)
    assert _comment(caller, job_id) == "harbour"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("null", None),
        ("empty", ""),
        ("missing", "not there"),
        ("upper case", "A-HARBOUR-AT-DAWN"),
        ("cut short", "a-harbour-at"),
        ("spaced", " a-harbour-at-dawn "),
    ],
)
def test_a_provider_may_change_a_name_for_good(
    emulator: EmulatorControl, bfl: EmulatorControl, form: str, shown: object
) -> None:
    segmind, bfl_caller, name = Caller(emulator), BflCaller(bfl), "a-harbour-at-dawn"
    segmind_job = segmind.train(name=name)
    bfl_job = bfl_caller.train(1, finetune_comment=name)
    for control in (emulator, bfl):
        control.switch(shown_name=form)
    assert segmind.listed()[0].get("name", "not there") == shown
    assert segmind.details(segmind_job).get("name", "not there") == shown
    assert _comment(bfl_caller, bfl_job) == shown
    assert emulator.jobs()[0].name == name


def test_a_provider_may_add_the_id_to_a_name(emulator: EmulatorControl, caller: Caller) -> None:
    job_id = caller.train()
    emulator.switch(shown_name="with id")
    assert caller.listed()[0]["name"] == f"harbour-{job_id[:8]}"


@pytest.mark.parametrize(
    ("style", "available", "trained", "ready"),
    [
        ("documented", "AVAILABLE", "TRAINING_COMPLETED", "Ready"),
        ("capitalised", "Available", "Training completed", "Ready"),
        ("lower case", "available", "training_completed", "ready"),
        ("spaced", " AVAILABLE ", " TRAINING_COMPLETED ", " Ready "),
        ("foreign", "SUCCEEDED", "FINALIZING", "SUCCEEDED"),
    ],
)
def test_status_words_may_come_in_other_letters_or_from_other_mouths(
    emulator: EmulatorControl, bfl: EmulatorControl, style: str, available: str, trained: str, ready: str
) -> None:
    segmind, bfl_caller = Caller(emulator), BflCaller(bfl)
    emulator.switch(status_words=style)
    bfl.switch(status_words=style)
    segmind.train(name="done")
    done = bfl_caller.train(1)
    assert segmind.listed()[0]["status"] == available
    assert bfl_caller.result(done)["status"] == ready
    assert bfl_caller.result(bfl_caller.image(done))["status"] == ready
    emulator.progress(Progress.after_seconds(0, TRAINING_COMPLETED=3600))
    assert segmind.details(segmind.train(name="later"))["status"] == trained


def test_a_failed_job_may_be_canceled_in_foreign_words(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_seconds(60))
    emulator.switch(status_words="foreign")
    job_id = caller.train()
    emulator.fail_job(job_id, "no")
    assert caller.details(job_id)["status"] == "CANCELED"


def test_words_of_the_queue_change_too(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(status_words="foreign", image_s=0)
    request_id = caller.queued(caller.train())["request_id"]
    assert caller.call("GET", f"/v2/requests/{request_id}").json()["status"] == "SUCCEEDED"


def test_a_training_may_have_a_number_for_an_id(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(integer_ids=True)
    accepted = caller.submit(caller.upload()).json()
    job_id = accepted["finetune_id"]
    assert type(job_id) is int
    assert caller.listed()[0]["finetune_id"] == job_id
    for asked in (job_id, str(job_id)):
        response = caller.call("GET", "/finetune/request/details", json={"request_id": asked})
        assert response.json()["finetune"]["finetune_id"] == job_id
    assert caller.own_image(str(job_id)).status_code == 200
    assert caller.image(str(job_id)).status_code == 200
    assert len({caller.train(), caller.train(), str(job_id)}) == 3


def test_a_training_of_bfl_may_have_a_number_for_an_id(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    bfl.switch(integer_ids=True)
    job_id = caller.submit(caller.archive()).json()["finetune_id"]
    assert type(job_id) is int
    assert [job_id] == list[object](caller.listed())
    assert caller.result(str(job_id))["status"] == "Ready"
    assert caller.draw(str(job_id)).status_code == 200


def test_one_job_can_be_shown_as_no_page_has_it(emulator: EmulatorControl, caller: Caller) -> None:
    odd, plain = caller.train(name="odd"), caller.train(name="plain")
    emulator.show_job(odd, status=None, error_message=["no", "words"], unheard_of=1, without=["name"])
    listed, other = caller.listed()
    assert (listed["status"], listed["error_message"]) == (None, ["no", "words"])
    assert "name" not in listed
    assert "unheard_of" not in listed
    assert caller.details(odd)["status"] is None
    assert (other["name"], other["status"]) == ("plain", "AVAILABLE")
    emulator.show_job(odd)
    assert caller.listed()[0]["status"] == "AVAILABLE"
    assert caller.details(plain)["status"] == "AVAILABLE"


def test_a_training_of_bfl_can_be_shown_as_no_page_has_it(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    job_id = caller.train(1)
    bfl.show_job(job_id, status="Unheard of", finetune_comment=None)
    assert caller.result(job_id)["status"] == "Unheard of"
    assert _comment(caller, job_id) is None


def test_a_job_that_is_not_there_cannot_be_shown_otherwise(emulator: EmulatorControl) -> None:
    with pytest.raises(EmulatorControlError, match="there is none"):
        emulator.show_job("none", status=None)


@pytest.mark.parametrize("off", [0, 1500, -1500])
def test_the_providers_clock_may_be_off(emulator: EmulatorControl, caller: Caller, off: int) -> None:
    emulator.advance(9000)
    emulator.switch(date_off_s=off)
    response = caller.call("GET", "/finetune/request/list")
    shown = parsedate_to_datetime(response.headers["Date"]).timestamp()
    # The time that jobs and addresses follow can be moved on without a word in the header.
    assert shown - time.time() == pytest.approx(off, abs=5)


def _names(caller: Caller) -> list[str]:
    return [job["name"] for job in caller.listed()]


def test_a_list_may_show_its_first_page_only_and_not_a_word_of_the_others(
    emulator: EmulatorControl, caller: Caller
) -> None:
    for name in ("one", "two", "three"):
        caller.train(name=name)
    emulator.switch(list_page=2)
    assert _names(caller) == ["two", "three"]
    emulator.switch(list_page=3)
    assert _names(caller) == ["one", "two", "three"]


def test_bfl_shows_a_page_too(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    ids = [caller.train(1) for _ in range(3)]
    bfl.switch(list_page=1)
    assert caller.listed() == ids[-1:]
    assert caller.result(ids[0])["status"] == "Ready"


def test_a_job_that_is_not_on_the_page_is_not_moved_by_the_list(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_polls())
    emulator.switch(list_page=1)
    hidden, _ = caller.train(name="hidden"), caller.train(name="shown")
    for _ in range(5):
        caller.listed()
    assert caller.details(hidden)["status"] == "QUEUED"


def test_a_list_may_show_each_job_several_times(emulator: EmulatorControl, bfl: EmulatorControl) -> None:
    segmind, bfl_caller = Caller(emulator), BflCaller(bfl)
    segmind.train(name="one")
    job_id = bfl_caller.train(1)
    for control in (emulator, bfl):
        control.switch(list_copies=2)
    assert _names(segmind) == ["one", "one"]
    assert bfl_caller.listed() == [job_id, job_id]


def test_extra_rows_stand_before_those_of_jobs_and_cost_nothing(
    emulator: EmulatorControl, bfl: EmulatorControl
) -> None:
    rows = [{"id": 4711, "name": None}, "deleted", 17, None, []]
    segmind, bfl_caller = Caller(emulator), BflCaller(bfl)
    segmind.train()
    job_id = bfl_caller.train(1)
    for control in (emulator, bfl):
        control.switch(extra_rows=rows)
    *extra, ours = segmind.listed()
    assert (extra, ours["name"]) == (rows, "harbour")
    assert list[Any](bfl_caller.listed()) == [*rows, job_id]
    assert len(emulator.billing()) == len(emulator.jobs()) == 1

"""Lists with less, more, or other rows than anybody documented."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress, running_emulator
from tuneloop.emulator.switches import STRANGERS


@pytest.fixture
def bfl(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("bfl", tmp_path, progress=Progress.at_once()) as control:
        yield control


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


def _row(caller: Caller) -> Any:
    """The stranger's row, before the one of ours."""
    stranger, ours = caller.listed()
    assert ours["name"] == "harbour"
    return stranger


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("integer id", "finetune_id", 4711),
        ("null name", "name", None),
        ("number for a name", "name", 17),
        ("null status", "status", None),
        ("error list", "error_message", ["CUDA out of memory", {"step": 12}]),
        ("nulls", "tags", None),
        ("nulls", "advance_parameters", None),
    ],
)
def test_a_strangers_row_may_have_an_odd_field(
    emulator: EmulatorControl, caller: Caller, kind: str, field: str, value: object
) -> None:
    caller.train()
    emulator.switch(strangers=kind)
    assert _row(caller)[field] == value


def test_a_strangers_row_may_have_no_id_or_be_no_object(emulator: EmulatorControl, caller: Caller) -> None:
    caller.train()
    emulator.switch(strangers="no id")
    assert not {"id", "finetune_id"} & set(_row(caller))
    emulator.switch(strangers="no object")
    assert _row(caller) == "deleted"


def test_all_strangers_stand_before_ours_and_cost_nothing(emulator: EmulatorControl, caller: Caller) -> None:
    caller.train()
    emulator.switch(strangers="all")
    assert len(caller.listed()) == len(STRANGERS) + 1
    assert len(emulator.billing()) == len(emulator.jobs()) == 1


def test_strangers_of_bfl_are_odd_in_the_list_or_when_asked_for(bfl: EmulatorControl) -> None:
    caller = BflCaller(bfl)
    ours = caller.train(1)
    bfl.switch(strangers="integer id, no id, no object, null name, null status, error list, nulls")
    *strangers, shown = list[Any](caller.listed())
    assert shown == ours
    assert strangers[:3] == [4711, None, {"id": "deleted"}]
    details = [
        caller.call("GET", "/v1/finetune_details", params={"finetune_id": job_id}).json()["finetune_details"]
        for job_id in strangers[3:]
    ]
    assert [found["finetune_comment"] for found in details][::3] == [None, None]
    assert [caller.result(job_id)["status"] for job_id in strangers[3:]] == ["Ready", None, "Ready", None]
    assert caller.result(strangers[5])["details"] == ["CUDA out of memory", {"step": 12}]


def test_a_stranger_of_no_known_kind_is_refused(emulator: EmulatorControl) -> None:
    with pytest.raises(EmulatorControlError, match="no 'alien'; choose some of integer id"):
        emulator.switch(strangers="alien")

"""A provider that bills images and never answers."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventNameFilter

from tests.flows.bill import Bill
from tests.flows.runs import RENDER, here
from tests.waiting import wait_until
from tuneloop.emulator import EmulatorControl, Fault


def told_of(model: str) -> list[dict[str, Any]]:
    which = EventFilter(event=EventNameFilter(name=["tuneloop.images.unanswered"]))
    with get_client(sync_client=True) as client:
        found = client.read_events(which, limit=50).events
    return [event.payload for event in found if event.payload["model"] == model]


def test_runs_end_with_a_decision_after_three_asks_for_each_image_and_it_is_told(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill
) -> None:
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=502, times=1000))
    wish = {**wish, "evaluation": {**wish["evaluation"], "seeds": [1, 2]}}
    states = [here(wish) for _ in range(4)]
    assert [state.name for state in states] == ["Failed", "Failed", "Completed", "Cached"]
    assert "2 of 2 images cannot be used; the first: requested 3 times, no response" in (states[2].message or "")
    assert (len(bill.trainings), bill.images) == (1, 6)
    wait_until("it is told", lambda: bool(told_of(wish["model"])))
    (told,) = told_of(wish["model"])
    assert (told["unanswered"], told["images"]) == (2, 2)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.model.rules import NAMES
from tests.model.search import Finding, World, reachable, search
from tests.model.state import SHOWN, State, chosen_attempt
from tests.model.training import Training
from tests.model.whereabouts import is_left_over, is_shown_by_the_status, record_of
from tests.model.worlds import ATTENDED_WITHOUT, SMALL, WITHOUT, Missed, attended, lawless
from tuneloop.schemas.records import NEXT_STATES


def search_any(world: World[Any]) -> Finding:
    return search(world)


LARGEST = {"two runs", "failed job and two processes"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LARGEST else name for name in SMALL]
)
def test_with_every_rule_nothing_goes_wrong_and_everything_ends(name: str) -> None:
    finding = search_any(SMALL[name])
    assert finding.wrong is None, str(finding)
    assert finding.complete


@pytest.mark.parametrize("missed", WITHOUT, ids=lambda missed: f"{missed.rule}, {missed.world}")
def test_each_rule_is_missed_when_it_is_taken_away(missed: Missed) -> None:
    finding = search_any(lawless(missed))
    assert finding.wrong == missed.wrong, f"without {missed.rule}: {finding}"


def test_no_rule_is_idle() -> None:
    assert {missed.rule for missed in WITHOUT + ATTENDED_WITHOUT} == set(NAMES)


@pytest.mark.parametrize("missed", ATTENDED_WITHOUT, ids=lambda missed: f"{missed.rule}, {missed.world}")
def test_a_person_can_bring_everything_to_an_end(missed: Missed) -> None:
    finding = search_any(attended(SMALL[missed.world]))
    assert finding.wrong is None, str(finding)
    finding = search_any(attended(lawless(missed)))
    assert finding.wrong == missed.wrong, f"without {missed.rule}: {finding}"


def test_every_step_that_the_ledger_allows_is_taken_and_no_other() -> None:
    names = ("untrusted list and a person", "cancelled run", "refused and yet accepted", "weights that are lost")
    worlds = (SMALL[name] for name in names)
    taken = {pair for world in worlds if isinstance(world, Training) for pair in steps_taken(world)}
    allowed = {(before, after) for before, following in NEXT_STATES.items() for after in following}
    # In the model nobody gives up a job before it was held, and what was lost is tried again from its id.
    unused = {("submitted", "abandoned"), ("trained", "abandoned"), ("held", "trained")}
    assert taken == allowed - unused


def test_only_the_other_job_of_an_approval_is_left_over_and_it_is_reported_when_seen() -> None:
    world = SMALL["untrusted list and a person"]
    assert isinstance(world, Training)
    left_over = set()
    for state in reachable(world):
        for number, job in enumerate(state.jobs):
            if not job.reported and job.phase != "failed" and is_left_over(state, number):
                left_over.add((record_of(state, number).state, job.hidden == SHOWN))
                assert len(state.jobs) == 2
                assert chosen_attempt(state.log) == 1, "a new run goes on beside it"
                assert is_shown_by_the_status(state, number) == (job.hidden == SHOWN)
    states = {"submitted", "trained", "collected", "failed"}
    assert left_over == {(state, seen) for state in states for seen in (True, False)}


def steps_taken(world: Training) -> Iterator[tuple[str, str]]:
    def last(state: State) -> str | None:
        return state.log[0].state if state.log[0] else None

    for state in reachable(world):
        for _, after, _ in world.steps(state):
            before, now = last(state), last(after)
            if before and now and state.log[0] != after.log[0] and (before != now or claimed_again(state, after)):
                yield before, now


def claimed_again(state: State, after: State) -> bool:
    before, now = state.log[0], after.log[0]
    return before is not None and now is not None and before.state == "claimed" and now.left > before.left


def test_counterexample_reads_as_numbered_steps() -> None:
    text = str(search_any(lawless(next(missed for missed in WITHOUT if missed.rule == "silence_is_looked_up"))))
    assert text.startswith("attempt 1 was paid 2 times, after 11 steps:\n   1. run A: a process starts\n")
    assert "sends the last byte, hears nothing and sends again" in text

"""A job that is asked to stop, because a person has cancelled the run that waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import EVERY_RULE, Rules


class State(NamedTuple):
    """Everything there is."""

    run: str = "waits"
    """Or cancelled by a person, or crashed."""
    other: str = ""
    """Another run that has come to wait: in time, or late, which is when a tick had recorded its request."""
    tick: str = ""
    """What the living tick does next."""
    request: bool = False
    answer: bool = False
    """What is recorded beside the training."""
    job: str = "running"
    """Or how it ended: trained, failed, stopped."""
    record: str = "submitted"
    fault: str = ""


@dataclass(frozen=True)
class CancelledJobs:
    """One submitted job, and ticks that may die between any two steps.

    Attributes:
        rules: What every tick keeps to.
    """

    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State()

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        if state.record != "submitted":
            return
        if state.run == "waits":
            yield "a person cancels the run", state._replace(run="cancelled"), False
            yield "the run crashes", state._replace(run="crashed"), False
        if not state.other:
            late = state.request or state.tick == "asks"
            yield "another run comes to wait", state._replace(other="late" if late else "in time"), False
        if state.job == "running":
            for end in ("trained", "failed"):
                yield f"the job has {end}", state._replace(job=end), False
        else:
            yield "a tick polls", state._replace(record=self._recorded(state)), True
        if state.tick:
            yield f"the tick {state.tick}", self._tick(state), True
            yield "the tick dies", state._replace(tick=""), False
        elif state.job == "running" and self._is_unwanted(state):
            first = "records the request" if self.rules.request_before_asking else "asks"
            yield "a tick sees that nobody waits", state._replace(tick=first), True

    def wrong(self, state: State) -> str | None:
        if state.job == "stopped" and state.record == "failed":
            return "a cancelled job counts as unpaid, and is trained again"
        return state.fault or None

    def finished(self, state: State) -> bool:
        return state.record != "submitted" or state.answer or state.run != "cancelled" or bool(state.other)

    def _is_unwanted(self, state: State) -> bool:
        gone = state.run == "cancelled" or (state.run == "crashed" and not self.rules.only_a_person_stops_a_job)
        asked = state.answer or (state.request and not self.rules.asked_until_answered)
        return gone and not state.other and not asked

    def _tick(self, state: State) -> State:
        if state.tick == "records the request":
            following = "lists the markers" if self.rules.markers_after_the_request else "asks"
            return state._replace(request=True, tick=following)
        if state.tick == "lists the markers":
            return state._replace(tick="" if state.other else "asks")
        if state.tick == "records the answer":
            return state._replace(request=True, answer=True, tick="")
        fault = ""
        if state.job == "running" and state.other == "in time":
            fault = "a job was stopped that another run waits for"
        elif state.job == "running" and state.run == "crashed":
            fault = "a job was stopped that nobody has cancelled"
        stopped = "stopped" if state.job == "running" else state.job
        return state._replace(job=stopped, tick="records the answer", fault=fault)

    def _recorded(self, state: State) -> str:
        if state.job == "trained":
            return "trained"
        return "abandoned" if state.request else "failed"

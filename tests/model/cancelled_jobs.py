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
    elsewhere: bool = False
    """Whether that one is of a second store."""
    tick: str = ""
    """What the living tick does next."""
    own: bool = False
    """Whether the living tick has recorded its request."""
    request: bool = False
    """Whether some request is recorded that may have stopped the job."""
    arrived: bool = False
    """Whether one has: what only the provider knows, and is as good as that while a request has no answer."""
    answer: bool = False
    job: str = "running"
    """Or how it ended: trained, failed, failed and billed, stopped."""
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
            came = "late" if state.request or state.own or state.tick == "asks" else "in time"
            for elsewhere in (False, True):
                where = " in another store" if elsewhere else ""
                yield f"another run comes to wait{where}", state._replace(other=came, elsewhere=elsewhere), False
        if state.job == "running":
            for end in ("trained", "failed", "failed and billed"):
                yield f"the job has {end}", state._replace(job=end), False
        else:
            yield "a tick polls", state._replace(record=self._recorded(state)), True
        if state.tick:
            for following in self._tick(state):
                yield f"the tick {state.tick}", following, True
            # What it had recorded has no answer, and may have arrived.
            left = state._replace(request=state.request or state.own, arrived=state.arrived or state.own)
            yield "the tick dies", left._replace(tick="", own=False), False
        elif state.job == "running" and self._is_unwanted(state):
            first = "records the request" if self.rules.request_before_asking else "asks"
            yield "a tick sees that nobody waits", state._replace(tick=first), True

    def wrong(self, state: State) -> str | None:
        if state.job == "stopped" and state.record == "failed":
            return "a cancelled job counts as unpaid, and is trained again"
        if state.job == "failed and billed" and state.record == "failed":
            return "a billed job counts as unpaid, and is trained again"
        if state.job == "failed" and state.record == "abandoned" and not (state.arrived or state.own):
            return "a failure of the job's own counts as paid"
        return state.fault or None

    def finished(self, state: State) -> bool:
        return state.record != "submitted" or state.answer or state.run != "cancelled" or bool(state.other)

    def _is_unwanted(self, state: State) -> bool:
        gone = state.run == "cancelled" or (state.run == "crashed" and not self.rules.only_a_person_stops_a_job)
        asked = state.answer or (state.request and not self.rules.asked_until_answered)
        return gone and not self._is_seen_to_wait(state) and not asked

    def _is_seen_to_wait(self, state: State) -> bool:
        return bool(state.other) and (not state.elsewhere or self.rules.every_store_is_read)

    def _tick(self, state: State) -> Iterator[State]:
        if state.tick == "records the request":
            following = "lists the markers" if self.rules.markers_after_the_request else "asks"
            yield state._replace(own=True, tick=following)
        elif state.tick == "lists the markers" and self._is_seen_to_wait(state):
            kept = state.request or not self.rules.request_is_withdrawn
            yield state._replace(request=kept, own=False, tick="")
        elif state.tick == "lists the markers":
            yield state._replace(tick="asks")
        elif state.tick == "records that it stops":
            yield state._replace(request=True, own=False, answer=True, tick="")
        elif state.tick == "records that it does not stop":
            kept = state.request or not self.rules.declined_stops_nothing
            yield state._replace(request=kept, own=False, answer=True, tick="")
        else:
            yield state._replace(tick="records that it does not stop")
            yield self._asked(state)

    def _asked(self, state: State) -> State:
        fault = ""
        if state.job == "running" and state.other == "in time":
            fault = "a job was stopped that another run waits for"
        elif state.job == "running" and state.run == "crashed":
            fault = "a job was stopped that nobody has cancelled"
        stopped = "stopped" if state.job == "running" else state.job
        return state._replace(job=stopped, arrived=True, tick="records that it stops", fault=fault)

    def _recorded(self, state: State) -> str:
        if state.job == "trained":
            return "trained"
        billed = state.job == "failed and billed" and self.rules.billed_failure_is_paid
        return "abandoned" if state.request or state.own or billed else "failed"

"""A run that is cancelled, by a person or by Prefect itself, and perhaps deleted; and those that go on for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import EVERY_RULE, Rules

BY_A_PERSON, BY_PREFECT, DELETED = "cancelled by a person", "cancelled by Prefect", "deleted"
STEPS = ("marked", "paid", "collected")
"""How far the story has come: each is followed by a step of a process."""


class State(NamedTuple):
    """Everything there is."""

    story: str = "marked"
    """A step, or how it ended: judged, unjudged, or abandoned without a bill."""
    process: str = "judges"
    """What the living process of the story is there for; empty for none."""
    prefect: str = ""
    """What Prefect shows of the run."""
    unwanted: bool = False
    """Whether a person has cancelled it, as only the model knows for ever."""
    seen: bool = False
    """Whether a tick has seen that."""
    wish: bool = False
    """Whether the store has it."""
    fault: str = ""


@dataclass(frozen=True)
class Cancelling:
    """One run with a marker.

    A run that is cancelled and deleted before any tick has seen it looks like one that Prefect has lost, and is
    carried on: that is what the model leaves out.

    Attributes:
        rules: What every process keeps to.
    """

    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State()

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        if state.story not in STEPS:
            return
        if state.process:
            yield from self._work(state)
            yield "the run is killed", state._replace(process=""), False
        else:
            yield from self._tick(state)
        if not state.prefect:
            cancelled = state._replace(process="", prefect=BY_A_PERSON, unwanted=True)
            yield "a person cancels the run", cancelled, False
            yield "Prefect cancels the run by itself", state._replace(process="", prefect=BY_PREFECT), False
        if state.prefect == BY_A_PERSON and state.seen:
            yield "a person deletes the cancelled run", state._replace(prefect=DELETED), False

    def wrong(self, state: State) -> str | None:
        if state.story == "unjudged" and not state.unwanted:
            return "a paid training was never judged"
        return state.fault or None

    def finished(self, state: State) -> bool:
        return state.story not in STEPS

    def _work(self, state: State) -> Iterator[tuple[str, State, bool]]:
        judges = state.process == "judges"
        if state.story == "marked" and not judges:
            yield "the run finds nothing to collect", state._replace(story="abandoned", process=""), True
        elif state.story == "marked":
            fault = "a cancelled run has submitted" if state.unwanted else ""
            yield "the run submits", state._replace(story="paid", fault=fault), True
        elif state.story == "paid":
            yield "the run collects the weights", state._replace(story="collected"), True
        elif judges:
            fault = "a cancelled run has judged" if state.unwanted else ""
            yield "the run judges", state._replace(story="judged", process="", fault=fault), True
        else:
            yield "the run leaves it unjudged", state._replace(story="unjudged", process=""), True

    def _tick(self, state: State) -> Iterator[tuple[str, State, bool]]:
        """See what has become of the run, and start another one that goes on."""
        by_a_person = state.prefect == BY_A_PERSON
        wish = state.wish or (by_a_person and self.rules.wish_outlives_the_run)
        taken_for_a_wish = state.prefect == BY_PREFECT and not self.rules.prefect_cancels_are_no_wish
        only_collects = wish or by_a_person or taken_for_a_wish
        after = state._replace(
            seen=by_a_person or state.seen, wish=wish, process="collects" if only_collects else "judges"
        )
        yield f"sensor: starts a run that {after.process}", after, True

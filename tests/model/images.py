"""One image of a plan, which runs ask for again and again until it is there, or was asked for too often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import EVERY_RULE, Rules

MOST_ASKS = 3


class Process(NamedTuple):
    """A process that judges a model with this image."""

    step: str = "reads"
    asks: int = 0
    """How many asks it has read."""


class State(NamedTuple):
    """Everything there is."""

    asks: int = 0
    """How many asks are written down."""
    billed: int = 0
    there: bool = False
    told: bool = False
    """Whether the plan was judged without the image, with a finding that says so."""
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class Images:
    """One image whose provider may bill it and lose the answer, for ever.

    Attributes:
        processes: How many processes may want it at once.
        rules: What every process keeps to.
    """

    processes: int = 2
    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State()

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        for process in dict.fromkeys(state.processes):
            for label, after in self._steps_of(state, process):
                yield f"a run {label}", after, True
            yield "a run is killed", _become(state, process), False
        if len(state.processes) < self.processes and not (state.there or state.told):
            yield "a run goes on with the plan", _with(state, Process()), True

    def wrong(self, state: State) -> str | None:
        return f"an image was billed {state.billed} times" if state.billed > MOST_ASKS else None

    def finished(self, state: State) -> bool:
        return not state.processes and (state.there or state.told)

    def _steps_of(self, state: State, me: Process) -> Iterator[tuple[str, State]]:
        if me.step == "reads":
            yield from self._read(state, me)
        elif me.step == "writes the ask down":
            if state.asks == me.asks:
                written = state._replace(asks=self._counted(state))
                yield f"writes ask {written.asks} down", _become(written, me, Process("asks"))
            else:
                yield "finds the ask's number taken", _become(state, me, Process())
        else:
            counted = state if self.rules.ask_is_written_first else state._replace(asks=self._counted(state))
            yield "asks, and nothing arrives", _become(counted, me, Process())
            billed = state._replace(billed=state.billed + 1)
            if self.rules.ask_is_written_first:
                yield "asks, is billed and hears nothing", _become(billed, me, Process())
            else:
                yield "asks, is billed and hears nothing", _become(billed, me, Process("counts"))
            yield "gets the image", _become(billed._replace(there=True), me)

    def _read(self, state: State, me: Process) -> Iterator[tuple[str, State]]:
        if state.there:
            yield "finds the image", _become(state, me)
        elif state.asks >= MOST_ASKS and self.rules.asks_are_bounded:
            yield "judges without the image", _become(state._replace(told=True), me)
        elif self.rules.ask_is_written_first:
            then = Process("writes the ask down", state.asks)
            yield f"reads {state.asks} asks", _become(state, me, then)
        else:
            yield f"reads {state.asks} asks", _become(state, me, Process("asks"))

    def _counted(self, state: State) -> int:
        # Without a bound, no number of asks differs from the next.
        return min(state.asks + 1, MOST_ASKS)


def _become(state: State, before: Process, *after: Process) -> State:
    processes = list(state.processes)
    processes.remove(before)
    return state._replace(processes=tuple(sorted([*processes, *after])))


def _with(state: State, process: Process) -> State:
    return state._replace(processes=tuple(sorted((*state.processes, process))))

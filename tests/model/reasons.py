"""A reason to train again what has not changed, which is given again with each click on "Run again"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import EVERY_RULE, Rules

MOST_ATTEMPTS = 2


class Run(NamedTuple):
    """A run that gives the reason."""

    step: str = "begins"
    last: int = 0
    """Last attempt that it has read."""
    counts: bool = False
    """Whether the reason is new to it."""
    attempt: int = 0
    """As in its run file."""


class State(NamedTuple):
    """Everything there is."""

    paid: int = 1
    """Attempts that were trained, one after another."""
    used: bool = False
    """Whether a run file has the reason."""
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Reasons:
    """A trained dataset, and runs that give one and the same reason to train it again.

    Attributes:
        runs: How many runs there are.
        rules: What every run keeps to.
    """

    runs: int = 3
    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State(runs=(Run(),) * self.runs)

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        for run in dict.fromkeys(state.runs):
            for label, after in self._steps_of(state, run):
                yield f"a run {label}", after, True

    def wrong(self, state: State) -> str | None:
        return "one reason was paid twice" if state.paid > MOST_ATTEMPTS else None

    def finished(self, state: State) -> bool:
        return all(run.step == "has ended" for run in state.runs)

    def _steps_of(self, state: State, me: Run) -> Iterator[tuple[str, State]]:
        log_first = self.rules.reasons_after_the_log
        if me.step == "begins" and log_first:
            yield "reads the log", _become(state, me, me._replace(step="reads the reasons", last=state.paid))
        elif me.step == "begins":
            then = me._replace(step="reads the log", counts=self._is_new(state))
            yield "reads the reasons", _become(state, me, then)
        elif me.step == "reads the reasons":
            yield "reads the reasons", _become(state, me, self._chosen(me, self._is_new(state)))
        elif me.step == "reads the log":
            yield "reads the log", _become(state, me, self._chosen(me._replace(last=state.paid), me.counts))
        elif me.step == "writes its run file":
            then = me._replace(step="trains")
            yield f"works on attempt {me.attempt}", _become(state._replace(used=True), me, then)
        elif me.step == "trains":
            paid = max(state.paid, me.attempt)
            ended = Run("has ended")
            yield f"waits until attempt {me.attempt} is trained", _become(state._replace(paid=paid), me, ended)

    def _is_new(self, state: State) -> bool:
        return not (state.used and self.rules.reason_counts_once)

    def _chosen(self, me: Run, is_new: bool) -> Run:
        return Run("writes its run file", attempt=me.last + is_new)


def _become(state: State, before: Run, after: Run) -> State:
    runs = list(state.runs)
    runs.remove(before)
    return state._replace(runs=tuple(sorted([*runs, after])))

"""The world of one training: what can happen next, what must never be, and when all is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model import person_steps, process_steps, provider_steps
from tests.model.rules import EVERY_RULE, Rules
from tests.model.state import ENDS, Run, State, ended_unpaid
from tests.model.whereabouts import is_astray, is_home


@dataclass(frozen=True)
class Training:
    """One training key.

    Attributes:
        runs: How many flow runs want it.
        processes: How many processes may be alive at once, sensor ticks included.
        generations: How many generations there may be.
        trusted: Whether the provider's list shows every accepted job in the end.
        ticks: Whether the sensor ticks; waking a run is possible in any case.
        cancels: Whether a person may cancel a run.
        decides: Whether a person may decide on a held training.
        refuses: Whether the provider may refuse a submit.
        send: Time from a claim to its deadline (W).
        arrive: Longest time until what was sent has arrived (R).
        accept: Longest time until what has arrived is accepted (D).
        show: Longest time until what was accepted is listed (L).
        skew: Largest difference between two clocks (S).
        rules: What every process keeps to.
    """

    runs: int = 1
    processes: int = 2
    generations: int = 1
    trusted: bool = True
    ticks: bool = True
    cancels: bool = False
    decides: bool = False
    refuses: bool = True
    send: int = 1
    arrive: int = 1
    accept: int = 1
    show: int = 1
    skew: int = 0
    rules: Rules = EVERY_RULE

    @property
    def may_send(self) -> int:
        """True time in which a claimer may send: its clock may be slow."""
        return self.send + self.skew

    @property
    def in_transit(self) -> int:
        """Longest time from the last byte to acceptance."""
        return self.arrive + self.accept

    @property
    def take_over_after(self) -> int:
        """Time from a claim to its take-over, as the claimer writes it down."""
        rules = self.rules
        return (
            self.send
            + self.skew * rules.wait_for_the_clocks
            + self.arrive * rules.wait_for_arrival
            + self.accept * rules.wait_for_late_acceptance
            + self.show * rules.wait_for_the_list
        )

    def first(self) -> State:
        return State(log=(None,) * self.generations, runs=(Run(),) * self.runs)

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        yield from process_steps.steps(self, state)
        yield from provider_steps.steps(self, state)
        yield from person_steps.steps(self, state)

    def wrong(self, state: State) -> str | None:
        if state.fault:
            return state.fault
        for generation, record in enumerate(state.log, 1):
            paid = sum(job.generation == generation for job in state.jobs)
            if paid > 1 + (record is not None and record.approved):
                return f"generation {generation} was paid {paid} times"
            if record is not None and any(state.log[generation:]) and (record.doubted or not ended_unpaid(record)):
                return f"generation {generation + 1} was begun, and generation {generation} may be paid"
        if len({(job.run, job.generation) for job in state.jobs}) > len({job.run for job in state.jobs}):
            return "one run has paid for two generations"
        if any(is_astray(state, number) for number in range(len(state.jobs))):
            return "a paid job is followed by nobody"
        return None

    def finished(self, state: State) -> bool:
        """Tell whether nothing is left to do but what a held training asks of a person."""
        held = any(record is not None and record.state == "held" for record in state.log)
        return (
            not state.processes
            and not state.posts
            and all(record is None or record.state in ENDS or record.state == "held" for record in state.log)
            and (held or not any(run.marked for run in state.runs))
            and all(is_home(state, number, trusted=self.trusted) for number in range(len(state.jobs)))
        )

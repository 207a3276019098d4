"""The world of one training: what can happen next, what must never be, and when all is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model import mishaps, person_steps, process_steps, provider_steps
from tests.model.rules import EVERY_RULE, Rules
from tests.model.state import REVIVES, Job, Record, Run, State, ended_unpaid
from tests.model.whereabouts import is_astray, is_followed, is_home
from tuneloop.schemas.records import ENDS

MOST_CLAIMS = 2
"""How often an attempt may be claimed without a person."""


@dataclass(frozen=True)
class Training:
    """One training key.

    Attributes:
        runs: How many flow runs want it.
        processes: How many processes may be alive at once, sensor ticks included.
        attempts: How many attempts there may be.
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
        nightly: Whether there is always another run to come, and a run is restarted until its story has ended.
        wishes: Whether runs may give a reason to train again what has ended.
        lies: Whether the provider may refuse what it has accepted.
        cuts: Whether a list may show only some of the jobs.
        revives: Whether a job may run on after the provider has shown it as failed.
        renames: Whether a job that is followed may lose its name.
        loses: Whether a job may be gone before its weights are there.
        empties: Whether the store may be lost while nothing is under way, and another one be made in its place.
        unmounts: Whether an empty folder may be in the store's place for a while, at any time.
        accounts: Whether a run may have another account's key under the same label.
        drift: How far a host's clock may be off, which no margin allows for.
        rules: What every process keeps to.
    """

    runs: int = 1
    processes: int = 2
    attempts: int = 1
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
    nightly: bool = False
    wishes: bool = False
    lies: bool = False
    cuts: bool = False
    revives: bool = False
    renames: bool = False
    loses: bool = False
    empties: bool = False
    unmounts: bool = False
    accounts: bool = False
    drift: int = 0
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
        return State(log=(None,) * self.attempts, runs=(Run(),) * self.runs)

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        yield from process_steps.steps(self, state)
        yield from provider_steps.steps(self, state)
        yield from person_steps.steps(self, state)
        yield from mishaps.steps(self, state)

    def wrong(self, state: State) -> str | None:
        return state.fault or self._paid_twice(state) or self._begun_too_early(state) or self._astray(state)

    def _paid_twice(self, state: State) -> str | None:
        for attempt, record in enumerate(state.log, 1):
            paid = sum(job.attempt == attempt for job in self._own_jobs(state))
            if paid > 1 + (record is not None and record.approved):
                return f"attempt {attempt} was paid {paid} times"
            if record is not None and record.claims > MOST_CLAIMS:
                return "an attempt was claimed a third time without a person"
        bought = {(job.run, job.attempt) for job in state.jobs}
        if len(bought) > len({run for run, _ in bought}) and not self.nightly:
            return "one run has paid for two attempts"
        allowed = 1 + sum(record is not None and record.approved + record.wished for record in state.log)
        if sum(job.phase != "failed" for job in state.jobs) > allowed:
            return "two jobs of one training are paid"
        return None

    def _own_jobs(self, state: State) -> Iterator[Job]:
        """The jobs that no other attempt has taken over, as one may where the store was lost."""
        for number, job in enumerate(state.jobs):
            if not is_followed(state, number) or (state.log[job.attempt - 1] or Record("")).job == number:
                yield job

    def _begun_too_early(self, state: State) -> str | None:
        for attempt, record in enumerate(state.log[:-1], 1):
            following = state.log[attempt]
            if record is None or following is None or following.wished:
                continue
            if record.doubted or not ended_unpaid(record):
                return f"attempt {attempt + 1} was begun, and attempt {attempt} may be paid"
        return None

    def _astray(self, state: State) -> str | None:
        away = state.away is not None
        astray = not away and any(is_astray(state, number) for number in range(len(state.jobs)))
        return "a paid job is followed by nobody" if astray else None

    def finished(self, state: State) -> bool:
        """Tell whether nothing is left to do but what a hold or a store that is away asks of a person."""
        if state.processes or state.posts or state.away:
            return not state.processes and not state.posts
        held = any(record is not None and record.state == "held" for record in state.log)
        return (
            all(record is None or record.state in ENDS or record.state == "held" for record in state.log)
            and (held or not any(run.marked for run in state.runs))
            and all(self._is_home(state, number) for number in range(len(state.jobs)))
        )

    def _is_home(self, state: State, number: int) -> bool:
        # After too many bad ends the next attempt is held, and a person is asked. Where no run is to come, the
        # status shows the job.
        asked = all(record is not None and record.state in REVIVES for record in state.log)
        asked = asked or not (self.nightly or any(run.marked for run in state.runs))
        return (asked and state.jobs[number].orphan) or is_home(state, number, trusted=self.trusted)

"""Plays one case: kills where it says, continues as it says, and drives everything to its end."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from tests.conftest import draw_pictures
from tests.crash.cases import Case
from tests.crash.judge import Finding, judge, story_is_over
from tests.crash.lane import RETRAIN, SENSOR, Ending, Hung, Lane
from tests.crash.points import Kill
from tests.flows.runs import wish_for
from tuneloop.errors import TuneloopError

_ROUNDS = 9
_RUNS_IN_A_ROUND = 40
_ROLES = {RETRAIN: "run", SENSOR: "tick"}


@dataclass
class Outcome:
    """What came of a case.

    Attributes:
        case: The case.
        endings: Every process that was started, in order.
        findings: What is wrong; empty where nothing is.
        log: Output of all its processes.
    """

    case: Case
    endings: list[Ending] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    log: Path = Path("/dev/null")

    @property
    def deaths(self) -> int:
        """How many processes were killed."""
        return sum(ending.died for ending in self.endings)


def play(lane: Lane, case: Case) -> Outcome:
    """Play a case from a fresh store to its end, and judge it."""
    return _Play(lane, case).to_its_end()


class _Play:
    def __init__(self, lane: Lane, case: Case) -> None:
        self._lane = lane
        self._case = case
        self._outcome = Outcome(case)
        self._numbers: Counter[str] = Counter()
        self._runs: list[UUID] = []
        self._open: list[FlowRun] = []
        self._second = case.second

    def to_its_end(self) -> Outcome:
        case, lane = self._case, self._lane
        self._outcome.log = lane.begin_case(case.id)
        lane.sabotage = case.sabotage
        lane.emulator.progress(case.story.progress)
        try:
            if case.story.after_champion:
                self._crown()
            self._arm()
            self._drive()
        except Hung as hung:
            self._outcome.findings.append(Finding("stuck", str(hung)))
        self._outcome.findings += judge(lane, self._outcome.deaths, case)
        return self._outcome

    def _crown(self) -> None:
        """Let the model have a champion, in peace."""
        self._lane.schedule(RETRAIN, self._wish(shade=1))
        self._work(counted=False)

    def _arm(self) -> None:
        for fault in self._case.story.faults:
            self._lane.emulator.inject(fault)
        if self._case.story.switches:
            self._lane.emulator.switch(**self._case.story.switches)

    def _drive(self) -> None:
        story, lane = self._case.story, self._lane
        for _ in range(self._case.racers):
            lane.schedule(RETRAIN, self._wish())
        for turn in range(_ROUNDS):
            self._work()
            if self._is_over():
                return
            if turn == 0:
                self._let_it_happen()
            lane.advance(story.steps_s[min(turn, len(story.steps_s) - 1)])
            if turn + 1 == story.straighten_after:
                lane.emulator.reset_switches()
            for _ in range(self._case.ticks):
                lane.schedule(SENSOR, {})
            self._work()
            if self._is_over():
                return
            if not self._open and not self._sensor_must_continue():
                # Its schedule comes round.
                lane.schedule(RETRAIN, self._wish())
        waiting = [f"{run.name}: {run.state.name}" for run in self._open if run.state]
        self._outcome.findings.append(
            Finding("stuck", f"not at its end after {_ROUNDS} looks of the sensor; open runs: {waiting}")
        )

    def _let_it_happen(self) -> None:
        if self._case.story.mishap is not None:
            self._case.story.mishap(self._lane.emulator)
        if self._case.story.cancel:
            for run in self._runs:
                self._lane.cancel(run)

    def _work(self, *, counted: bool = True) -> None:
        """Take every run that is due, and those that come of them; all that are due at once run at once."""
        for _ in range(_RUNS_IN_A_ROUND):
            self._open = self._lane.open_runs()
            due = [run for run in self._open if run.state is not None and run.state.is_scheduled()]
            if not due:
                return
            begun = [(run, self._lane.begin(run, *self._plan(run, counted=counted))) for run in due]
            endings = [(run, wait()) for run, wait in begun if wait is not None]
            for run, ending in endings:
                if counted:
                    self._note(run, ending)
        raise Hung(f"runs are scheduled again and again, {_RUNS_IN_A_ROUND} times in one round")

    def _plan(self, run: FlowRun, *, counted: bool) -> tuple[str, Kill | None]:
        """Name a process, and say where it dies."""
        if not counted:
            return "champion", None
        label = self._label(run)
        deaths = self._outcome.deaths
        if deaths == 1 and self._second is not None:
            second, self._second = self._second, None
            return label, second
        return label, {**self._case.story.kills, **self._case.kills}.get(label)

    def _label(self, run: FlowRun) -> str:
        """The role of a process and its number, such as `run 1`, `resumed 1`, `restarted 1`, `tick 1`."""
        role = _ROLES.get(self._lane.flow_of(run), "salvage")
        before = [ending for ending in self._outcome.endings if ending.flow_run == run.id]
        if before:
            role = "restarted" if before[-1].died else "resumed"
        else:
            self._runs.append(run.id)
        self._numbers[role] += 1
        return f"{role} {self._numbers[role]}"

    def _note(self, run: FlowRun, ending: Ending) -> None:
        """Continue after a death, in the way of the case. A sensor is not restarted: the next one looks again."""
        self._outcome.endings.append(ending)
        if not ending.died or ending.label.startswith("tick"):
            return
        # What dies in every telling of the story is the sensor's; the other deaths are the case's.
        way = "sensor" if ending.label in self._case.story.kills else self._case.way
        if way == "restart":
            self._lane.restart(run.id)
        elif way == "next":
            self._lane.schedule(RETRAIN, self._wish())

    def _is_over(self) -> bool:
        if self._open:
            return False
        try:
            return story_is_over(self._lane)
        except TuneloopError:
            return False  # the judge says more

    def _sensor_must_continue(self) -> bool:
        """Tell whether a dead run is the sensor's business: it has left a marker, and nobody restarts it."""
        return self._case.way == "sensor" and any(True for _ in self._lane.ledger.markers())

    def _wish(self, shade: int = 0) -> dict[str, Any]:
        """Parameters of a run, with pictures that were never played with: the provider remembers all its jobs."""
        digest = hashlib.sha256(f"{self._lane.case_home} {shade}".encode()).digest()
        folder = self._lane.case_home / f"pictures-{shade}"
        if not folder.exists():
            draw_pictures(folder, 2, shade=digest[0])
            (folder / "0.txt").write_text(f"ROBOX no. {random.Random(digest).randrange(10**12)}")  # noqa: S311
        model = f"crash-{self._lane.case_home.name}"
        return {**wish_for(model, folder), **self._case.story.parameters}

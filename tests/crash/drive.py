"""Plays one case: kills where it says, continues as it says, and drives everything to its end."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from tests.conftest import draw_images
from tests.crash.case import Case
from tests.crash.finding import Finding
from tests.crash.judge import judge, story_is_over, trace_of
from tests.crash.lane import ADOPT, COMPARE, RETRAIN, SENSOR, Ending, Hung, Lane
from tests.crash.person import answer, asks
from tests.crash.points import Kill
from tests.crash.prefect_server import PrefectServer
from tests.flows.runs import request_for
from tuneloop import errors
from tuneloop.errors import TuneloopError

_ROUNDS = 9
_RUNS_IN_A_ROUND = 40
_ROLES = {RETRAIN: "run", ADOPT: "run", COMPARE: "run", SENSOR: "tick"}
_OUR_ERRORS = re.compile("|".join(name for name, kind in vars(errors).items() if isinstance(kind, type)))
"""What a run that has stopped on purpose says in its state."""


@dataclass
class Outcome:
    """What came of a case.

    Attributes:
        case: The case.
        endings: Every process that was started, in order.
        findings: What is wrong; empty where nothing is.
        ledger_trace: What the records say, where something is wrong.
        log: Output of all its processes.
    """

    case: Case
    endings: list[Ending] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ledger_trace: list[str] = field(default_factory=list)
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
        self.lane = lane
        self._case = case
        self._outcome = Outcome(case)
        self._numbers: Counter[str] = Counter()
        self._runs: list[UUID] = []
        self._open: list[FlowRun] = []
        self._second = case.second
        self._adopted: str | None = None
        self._moods = iter(case.story.person)
        self._mood = case.story.person[0]
        self._looked = False

    def to_its_end(self) -> Outcome:
        case, lane, story = self._case, self.lane, self._case.story
        self._outcome.log = lane.begin_case(
            case.id, store=story.store, account=story.account, limits=story.limits, besides=story.besides
        )
        lane.sabotage = case.sabotage
        lane.emulator.progress(story.progress)
        try:
            if story.after_champion:
                self._crown()
            if story.opening is not None:
                story.opening(self)
            self._arm()
            self._drive()
            if story.afterwards is not None:
                story.afterwards(self)
                self._drive()
        except Hung as hung:
            self._outcome.findings.append(Finding("stuck", str(hung)))
        self._outcome.findings += judge(lane, self._outcome.deaths, case)
        if self._outcome.findings:
            self._outcome.ledger_trace += trace_of(lane.ledger)
        return self._outcome

    # What a scene may do: see `Stage`

    @property
    def first(self) -> UUID:
        """See `Stage`."""
        return self._runs[0]

    def schedule(self, flow: str = RETRAIN, *, server: PrefectServer | None = None, **changed: Any) -> UUID:
        """See `Stage`."""
        parameters = {} if flow == SENSOR else self._wish()
        return self.lane.schedule(flow, {**parameters, **changed}, server)

    def work(self, server: PrefectServer | None = None) -> None:
        """See `Stage`."""
        self._work(server=server)

    def expect_stop(self, run: UUID, where: str, server: PrefectServer | None = None) -> None:
        """See `Stage`."""
        state = (server or self.lane.here).client.read_flow_run(run).state
        said = f"{state.name}: {state.message}" if state else "nothing"
        if state is None or not state.is_failed() or not _OUR_ERRORS.search(state.message or ""):
            self._outcome.findings.append(Finding("no clear stop", f"a run {where} should have stopped; {said}"))

    def adopt(self, job_id: str) -> None:
        """See `Stage`."""
        self._adopted = job_id

    def _crown(self) -> None:
        """Let the model have a champion, in peace."""
        self.lane.schedule(RETRAIN, self._wish(shade=1))
        self._work(counted=False)

    def _arm(self) -> None:
        for fault in self._case.story.faults:
            self.lane.emulator.inject(fault)
        if self._case.story.switches:
            self.lane.emulator.switch(**self._case.story.switches)

    def _drive(self) -> None:
        story, lane = self._case.story, self.lane
        if not self._looked:
            for racer in range(self._case.racers):
                lane.schedule(story.flow, self._wish(racer * 7 if story.images_differ else 0))
        for turn in range(_ROUNDS):
            self._work()
            if not self._looked:
                self._looked = True
                self._let_it_happen()
            if self._is_over():
                return
            lane.advance(story.steps_s[min(turn, len(story.steps_s) - 1)])
            if turn + 1 == story.straighten_after:
                lane.straighten()
            for _ in range(self._case.ticks):
                lane.schedule(SENSOR, {})
            self._work()
            if self._is_over():
                return
            self._check_that_cancelled_is_cancelled(turn)
            self._ask_the_person()
            if not self._open and not self._sensor_must_continue():
                # Its schedule comes round.
                lane.schedule(story.flow, self._wish())
        waiting = [f"{run.name}: {run.state.name}" for run in self._open if run.state]
        self._outcome.findings.append(
            Finding("stuck", f"not at its end after {_ROUNDS} looks of the sensor; open runs: {waiting}")
        )

    def _let_it_happen(self) -> None:
        if self._case.story.mishap is not None:
            self._case.story.mishap(self.lane.emulator)
        if self._case.story.cancel:
            for run in self._runs:
                self.lane.here.cancel(run)
        if self._case.story.beside is not None:
            self._case.story.beside(self)
            self._work()

    def _check_that_cancelled_is_cancelled(self, turn: int) -> None:
        """Nobody judges what a person has cancelled, before the schedule comes round."""
        model = str(self._wish()["model"])
        if turn == 0 and self._case.story.judges_nothing and self.lane.ledger.promotions(model):
            self._outcome.findings.append(Finding("champion", f"{model} was cancelled, and was promoted"))

    def _ask_the_person(self) -> None:
        """Have every form answered that a run sleeps over, after a look of the sensor has left it asleep."""
        for run in self._open:
            if asks(run):
                self._mood = next(self._moods, self._mood)
                answer(self.lane, run, self._mood)

    def _work(self, *, counted: bool = True, server: PrefectServer | None = None) -> None:
        """Take every run that is due, and those that come of them; all that are due at once run at once."""
        for _ in range(_RUNS_IN_A_ROUND):
            self._open = (server or self.lane.here).open_runs()
            due = [run for run in self._open if run.state is not None and run.state.is_scheduled()]
            if not due:
                return
            begun = [(run, self._begin(run, counted=counted, server=server)) for run in due]
            endings = [(run, wait()) for run, wait in begun if wait is not None]
            for run, ending in endings:
                if counted:
                    self._note(run, ending)
        raise Hung(f"runs are scheduled again and again, {_RUNS_IN_A_ROUND} times in one round")

    def _begin(self, run: FlowRun, *, counted: bool, server: PrefectServer | None) -> Callable[[], Ending] | None:
        label, kill = self._plan(run, counted=counted)
        gate = self._case.story.gates.get(label)
        return self.lane.begin(run, label, kill, gate, server)

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
        flow = self.lane.here.flow_of(run) or self.lane.elsewhere.flow_of(run)
        role = _ROLES.get(flow, "salvage")
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
            self.lane.here.restart(run.id)
        elif way == "next":
            self.lane.schedule(self._case.story.flow, self._wish())

    def _is_over(self) -> bool:
        if self._open:
            return False
        try:
            return story_is_over(self.lane)
        except TuneloopError:
            return False  # the judge says more

    def _sensor_must_continue(self) -> bool:
        """Tell whether a dead run is the sensor's business: it has left a marker, and nobody restarts it."""
        return self._case.way == "sensor" and any(True for _ in self.lane.ledger.markers())

    def _wish(self, shade: int = 0) -> dict[str, Any]:
        """Parameters of a run, with images that were never played with: the provider remembers all its jobs."""
        digest = hashlib.sha256(f"{self.lane.case_home} {shade}".encode()).digest()
        folder = self.lane.case_home / f"images-{shade}"
        if not folder.exists():
            draw_images(folder, 2, shade=digest[0])
            (folder / "0.txt").write_text(f"ROBOX no. {random.Random(digest).randrange(10**12)}")  # noqa: S311
        model = f"crash-{self.lane.case_home.name}" + (f"-{shade}" if self._case.story.images_differ else "")
        wish = {**request_for(model, folder), **self._case.story.parameters}
        account = self.lane.credentials_slug
        if self._case.story.fallback is not None:
            wish["fallback"] = {"recipe": self._case.story.fallback, "credentials": account}
        if self._case.story.recipes:
            wish["recipes"] = [{"recipe": each, "credentials": account} for each in self._case.story.recipes]
        return {**wish, "job_id": self._adopted, "trigger_word": "ROBOX"} if self._adopted else wish

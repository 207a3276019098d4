"""One session: records every story, makes the cases, and plays them in all lanes."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.crash.case import Case, Recording
from tests.crash.drive import Outcome, play
from tests.crash.finding import Finding
from tests.crash.installation import Installation
from tests.crash.lane import Lane
from tests.crash.stories import Story

Told = Callable[[Outcome], None]


@dataclass
class Figures:
    """What a session comes to; the issue's own words."""

    kill_points: int = 0
    cases: int = 0
    double_payments: int = 0
    lost_weights: int = 0
    stuck: int = 0
    unbounded_claims: int = 0
    unbounded_images: int = 0
    other_findings: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not (
            self.double_payments
            or self.lost_weights
            or self.stuck
            or self.unbounded_claims
            or self.unbounded_images
            or self.other_findings
        )


@dataclass
class Session:
    """Plays cases.

    Attributes:
        installation: Where.
        outcomes: What has been played.
    """

    installation: Installation
    outcomes: list[Outcome] = field(default_factory=list)

    def record(self, stories: list[Story]) -> dict[str, Recording]:
        """Play each story without a death, and keep what each process has done.

        Raises:
            RuntimeError: A story does not come to a good end by itself.
        """
        cases = [Case(f"record:{story.name}", "recording", story, way="next") for story in stories]
        recordings = {}
        for outcome in self._play_all(cases, lambda _: None):
            if outcome.findings:
                raise RuntimeError(f"{outcome.case.id}: {outcome.findings}; see {outcome.log}")
            recordings[outcome.case.story.name] = {item.label: item.points for item in outcome.endings}
        return recordings

    def play(self, cases: list[Case], told: Told) -> None:
        """Play all cases, as many at a time as there are lanes.

        Args:
            cases: The cases.
            told: Called with each outcome, by several threads.
        """
        self.outcomes += self._play_all(cases, told)

    def _play_all(self, cases: list[Case], told: Told) -> list[Outcome]:
        free: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in self.installation.lanes:
            free.put(lane)

        def one(case: Case) -> Outcome:
            with _taken(free) as lane:
                outcome = _played(lane, case)
            told(outcome)
            return outcome

        with ThreadPoolExecutor(len(self.installation.lanes)) as pool:
            return list(pool.map(one, cases))


@contextmanager
def _taken(free: queue.SimpleQueue[Lane]) -> Iterator[Lane]:
    lane = free.get()
    try:
        yield lane
    finally:
        free.put(lane)


def _played(lane: Lane, case: Case) -> Outcome:
    """Play a case; what goes wrong with the harness itself is a finding too, and ends no other case."""
    try:
        return play(lane, case)
    except Exception as error:  # noqa: BLE001 - as above
        return Outcome(case, findings=[Finding("stuck", f"{type(error).__name__}: {error}")], log=lane.log)


def figures_of(outcomes: list[Outcome], recordings: dict[str, Recording], began: float) -> Figures:
    """Count.

    Args:
        outcomes: What was played.
        recordings: The points that were there to die at.
        began: When the session began, by the monotonic clock.
    """
    kinds = [finding.kind for outcome in outcomes for finding in outcome.findings]
    named = {"double payment", "lost weights", "stuck", "unbounded claims", "unbounded images"}
    points = {
        (role.split()[0], point.name) for story in recordings.values() for role in story for point in story[role]
    }
    return Figures(
        kill_points=len(points),
        cases=len(outcomes),
        double_payments=kinds.count("double payment"),
        lost_weights=kinds.count("lost weights"),
        stuck=kinds.count("stuck"),
        unbounded_claims=kinds.count("unbounded claims"),
        unbounded_images=kinds.count("unbounded images"),
        other_findings=sum(kind not in named for kind in kinds),
        kinds=dict(Counter(outcome.case.kind for outcome in outcomes)),
        seconds=round(time.monotonic() - began, 1),
    )

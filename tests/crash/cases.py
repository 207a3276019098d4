"""The cases: made from what the recording of each story has shown, never typed by hand."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.crash.case import WAYS, Case, Recording, slug
from tests.crash.points import Kill, Point
from tests.crash.stories import BESIDES, BFL, FAL, LOST_ANSWER, REPLICATE, SLEEPING, STORIES, STRAIGHT, Story
from tests.crash.troubles import make_troubles
from tuneloop.emulator import Fault, Progress

RECORDED = (*STORIES, *BESIDES)
"""Stories that show where one can die."""
_KILLS_OF_A_STORY = 3
"""Points of one story at which a session kills that is not full."""


def all_cases(recordings: dict[str, Recording], seed: int, *, full: bool) -> list[Case]:
    """Every case of a session, of every kind.

    Args:
        recordings: What the processes of each of `RECORDED` do, by the story's name.
        seed: Draws what is left to chance.
        full: Everything, instead of a sample of each kind.
    """
    lot = random.Random(seed)  # noqa: S311 - it need not be secret
    return [
        *make_troubles(recordings, lot, full=full),
        *make_cases(recordings, RECORDED, seed, full=full),
    ]


def make_cases(recordings: dict[str, Recording], stories: Sequence[Story], seed: int, *, full: bool) -> list[Case]:
    """The cases of processes that die, answers that are lost or late, and races.

    Args:
        recordings: What each story's processes do, by the story's name.
        stories: The stories.
        seed: Draws what is left to chance.
        full: Every point worth dying at with every way, instead of some points of each story.
    """
    lot = random.Random(seed)  # noqa: S311 - it need not be secret
    cases = [
        *_kills(recordings, stories, lot, full=full),
        *_faults(recordings),
        *_lists(),
        *_twice(recordings, stories, lot, seed, 200 if full else 8),
        *_races(lot, seed, (2, 4, 8, 16, 32) if full else (2, 8, 32)),
    ]
    return list({case.id: case for case in cases}.values())


def _kills(
    recordings: dict[str, Recording], stories: Sequence[Story], lot: random.Random, *, full: bool
) -> Iterator[Case]:
    """A kill at each point. What an earlier story has had under the same process and name is not repeated."""
    had: set[tuple[str, str]] = set()  # by process and point; what nobody reads is the same from every process
    for story in stories:
        mine = list(_kills_of(story, recordings[story.name], had, lot, full=full))
        yield from mine if full else lot.sample(mine, min(len(mine), _KILLS_OF_A_STORY))


def _kills_of(
    story: Story, recording: Recording, had: set[tuple[str, str]], lot: random.Random, *, full: bool
) -> Iterator[Case]:
    """Of one story."""
    for role, points in recording.items():
        kind_of_process = role.split()[0]
        for point in worth_dying_at(points):
            place = (kind_of_process if point.trace == "seen" else "", point.name)
            if place in had:
                continue
            had.add(place)
            drawn = lot.choice(WAYS)
            for way in WAYS if full else (drawn,):
                yield Case(
                    id=slug("kill", story.name, role, point.name, way),
                    kind=f"killed: {story.name}",
                    story=story,
                    kills={role: Kill(name=point.name)},
                    way=way,
                )


def worth_dying_at(points: list[Point]) -> list[Point]:
    """Leave out the points at which the outside is as it was at another one that is kept.

    Kept is the side after each step that others see, and the side before where something else has been done
    since the last one: a pure read changes nothing, so that to die before it is to die after the step before
    it. Of what is left and read by nobody (a draft, an empty folder, half an upload), the first of a kind.
    """
    kept: list[Point] = []
    kinds: set[str] = set()
    unchanged = False
    for point in points:
        if point.trace == "seen":
            if not (unchanged and point.when == "before"):
                kept.append(point)
            unchanged = True
        elif point.trace == "left" and point.when == "after":
            unchanged = False
            if _remains(point) not in kinds:
                kinds.add(_remains(point))
                kept.append(point)
                unchanged = True
    return kept


def _remains(point: Point) -> str:
    """The kind of what a step leaves: of folders within folders, the first."""
    return point.what.partition("/")[0] if point.what.startswith("store") else point.what


def _faults(recordings: dict[str, Recording]) -> Iterator[Case]:
    """Lost requests, lost answers, errors after the effect and late effects, for each kind of request."""
    for story, method, path in _requests(recordings):
        # What only reads has no effect that could come or not.
        kinds = ["cut_after_effect", "fail_after_effect"]
        if method not in {"GET", "HEAD"}:
            kinds.append("cut_before_effect")
        if method == "POST":
            kinds += ["cut_before_late_effect", "fail_before_late_effect"]
        for kind in kinds:
            fault = Fault(kind, path, method, delay_s=590.0 if "late" in kind else 0.0)  # type: ignore[arg-type]
            # The list is asked only where a submit is in doubt.
            told = LOST_ANSWER if path.endswith("/list") else story
            yield Case(
                id=slug("fault", kind, method, path),
                kind="lost and late answers",
                story=replace(told, faults=(*told.faults, fault)),
                way="next",
            )


def _requests(recordings: dict[str, Recording]) -> list[tuple[Story, str, str]]:
    """Every kind of request to each provider: a story that sends it, method, and path up to what differs."""
    told = {story.account: story for story in (STRAIGHT, BFL, FAL, REPLICATE)}
    found: dict[tuple[str, str, str], None] = {}
    for story in (story for story in RECORDED if story.name in recordings):
        for point in (point for points in recordings[story.name].values() for point in points):
            if point.what.startswith("provider "):
                _, method, path = point.what.split(" ", 2)
                found[story.account, method, path.partition("<")[0]] = None
    return [(told[account], method, path) for account, method, path in found]


def _lists() -> Iterator[Case]:
    """A job that the list does not show yet, or whose submit is accepted late, after its run has died or not."""
    sent = Kill(name="before piece of provider POST /finetune/request/submit #2")
    late = Fault("cut_before_late_effect", "/finetune/request/submit", "POST", delay_s=590.0)
    worlds: dict[str, tuple[Kill | None, tuple[Fault, ...], dict[str, float]]] = {
        "late-list": (sent, (), {"list_lag_s": 290.0}),
        "short-list": (sent, (), {"list_short_by": 1}),
        "late-submit": (None, (late,), {}),
        "late-submit-late-list": (None, (late,), {"list_lag_s": 290.0}),
        "late-submit-short-list": (None, (late,), {"list_short_by": 1}),
    }
    for name, (kill, faults, switches) in worlds.items():
        story = Story(name, Progress.at_once(), faults=faults, switches=switches, steps_s=(400.0, 500.0, 3700.0))
        for way in WAYS if kill else WAYS[:1]:
            kills = {"run 1": kill} if kill else {}
            yield Case(slug("list", name, way), "late and short lists", story, kills, way=way)


def _twice(
    recordings: dict[str, Recording], stories: Sequence[Story], lot: random.Random, seed: int, count: int
) -> Iterator[Case]:
    """A second death, of whatever comes to continue after the first."""
    for number in range(count):
        story = lot.choice([story for story in stories if not story.kills])
        role = lot.choice(list(recordings[story.name]))
        first = lot.choice([point for point in recordings[story.name][role] if point.trace != "none"])
        yield Case(
            id=slug("twice", str(seed), str(number)),
            kind="killed twice",
            story=story,
            kills={role: Kill(name=first.name)},
            second=Kill(nth=int(2 ** lot.uniform(1, 9.2))),
            way=lot.choice(WAYS),
        )


def _races(lot: random.Random, seed: int, sizes: tuple[int, ...]) -> Iterator[Case]:
    """Runs on the same key at once, and looks of the sensor too; of some, every second run dies on the way."""
    for racers in sizes:
        yield Case(slug("race", str(racers)), "races", STRAIGHT, racers=racers, way="next")
    for racers, story in itertools.product(sizes[:-1], (STRAIGHT, SLEEPING)):
        yield Case(
            id=slug("race", story.name, str(racers), "deaths", str(seed)),
            kind="races",
            story=story,
            kills={f"run {n}": Kill(nth=lot.randrange(100, 620)) for n in range(1, racers + 1, 2)},
            racers=racers,
            ticks=2,
            way=lot.choice(WAYS),
        )

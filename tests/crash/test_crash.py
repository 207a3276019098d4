"""A short part of the crash harness, and proof that it can find something."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import get_args

import pytest

from tests.crash import scenes
from tests.crash.case import Case
from tests.crash.cases import RECORDED, all_cases, make_cases
from tests.crash.drive import Outcome
from tests.crash.installation import Installation, running_installation
from tests.crash.points import Kill, Point, When
from tests.crash.session import Session
from tests.crash.show import failure
from tests.crash.stories import LOST_ANSWER, SALVAGED, SLEEPING, SLOW, STRAIGHT, SUBMIT, Story
from tuneloop.emulator import Fault

pytestmark = pytest.mark.long  # whatever its points, each case is a whole pipeline
_SEED = 7
_KILLS = 8
_IMAGE = "/v1/flux-dev-finetuned"
_KINDS = {
    "adoption",
    "bad answers: bombs",
    "bad answers: drips",
    "bad answers: duplicate rows",
    "bad answers: error under a success",
    "bad answers: first page only",
    "bad answers: gateway's page",
    "bad answers: integer ids",
    "bad answers: names",
    "bad answers: never clear",
    "bad answers: redirects",
    "bad answers: refusals",
    "bad answers: revived jobs",
    "bad answers: row of ours",
    "bad answers: status words",
    "bad answers: extra rows",
    "bad answers: two ids",
    "bfl",
    "cancel",
    "clock off",
    "fal",
    "held: approved",
    "held: it is not there",
    "held: it is there",
    "held: rejected",
    "killed twice",
    "late and short lists",
    "limits",
    "lost and late answers",
    "prefect server killed",
    "races",
    "replicate",
    "s3",
    "store vanished",
    "two accounts",
    "two prefect servers",
    "two stores",
    *(f"killed: {story.name}" for story in RECORDED),
}


def points_of(story: Story) -> list[Point]:
    """A recording of a few points, one of which no other story has."""
    steps = (
        f"provider POST {SUBMIT}",
        "store link trainings/<hash>/0001.json claimed",
        f"prefect POST /{story.name}",
    )
    return [Point(step, 1, when, "seen") for step in steps for when in get_args(When)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    # The path of a socket may have a hundred characters.
    with running_installation(tmp_path_factory.mktemp("crash"), lanes=2) as running:
        yield running


def played(installation: Installation, *cases: Case) -> list[Outcome]:
    session = Session(installation)
    session.play(list(cases), lambda _: None)
    return session.outcomes


def test_what_is_killed_anywhere_pays_once_and_loses_nothing(installation: Installation) -> None:
    stories = [STRAIGHT, SLEEPING]
    session = Session(installation)
    cases = make_cases(session.record(stories), stories, _SEED, full=False)
    kills = random.Random(_SEED).sample([case for case in cases if case.kills and case.racers == 1], _KILLS)  # noqa: S311
    named = [case for case in cases if case.id in {"race:2", "list:late-submit-late-list:restart"}]
    session.play([*kills, *named], lambda _: None)
    assert not "\n".join(failure(outcome, _SEED) for outcome in session.outcomes if outcome.findings)
    assert len(session.outcomes) == _KILLS + 2


@pytest.mark.parametrize("full", [False, True])
def test_every_kind_of_trouble_is_in_every_session(full: bool) -> None:
    recordings = {story.name: {"run 1": points_of(story)} for story in RECORDED}
    cases = all_cases(recordings, _SEED, full=full)
    assert {case.kind for case in cases} == _KINDS
    assert len({case.id for case in cases}) == len(cases)


@pytest.mark.parametrize(
    "story",
    [
        Story("two-servers", progress=SLOW, beside=scenes.another_server),
        Story("store-away", progress=SLOW, beside=scenes.store_is_away),
        Story("clock", opening=scenes.clock_is_slow, beside=scenes.clock_is_right_again),
    ],
    ids=lambda story: story.name,
)
def test_what_must_stop_stops_and_pays_once_when_it_is_mended(story: Story, installation: Installation) -> None:
    (outcome,) = played(installation, Case(story.name, story.name, story, way="next"))
    assert not outcome.findings, failure(outcome, _SEED)


def test_every_kind_of_io_is_a_point_to_die_at(installation: Installation) -> None:
    points = Session(installation).record([STRAIGHT])[STRAIGHT.name]["run 1"]
    seen = {point.what for point in points if point.trace == "seen"}
    for what in (
        f"provider POST {SUBMIT}",
        "prefect POST /flow_runs/<id>/set_state Running",
        "store link trainings/<hash>/0001.json claimed",
        "store link models/<model>/promotions/0001.json",
    ):
        assert what in seen
    claimed, submitted, paid = (
        next(place for place, point in enumerate(points) if point.name == name)
        for name in (
            "after store link trainings/<hash>/0001.json claimed #1",
            "before store link trainings/<hash>/0002.json submitted #1",
            f"before provider POST {SUBMIT} #1",
        )
    )
    assert claimed < paid < submitted


@pytest.mark.parametrize(
    ("sabotage", "story", "kill", "found"),
    [
        ("resend", Story("s1", faults=(Fault("cut_after_effect", SUBMIT),)), None, "double payment"),
        ("take-over-at-once", LOST_ANSWER, None, "double payment"),
        (
            "resend-for-ever",
            Story("s2", faults=(Fault("cut_before_effect", SUBMIT, times=8),)),
            None,
            "unbounded claims",
        ),
        (
            "resend-for-ever",
            Story("s3", faults=(Fault("cut_before_effect", _IMAGE, times=8),)),
            None,
            "unbounded images",
        ),
        ("drop-weights", STRAIGHT, None, "lost weights"),
        ("never-wake", SLEEPING, None, "stuck"),
    ],
)
def test_broken_rule_is_found(
    sabotage: str, story: Story, kill: str | None, found: str, installation: Installation
) -> None:
    kills = {"run 1": Kill(name=kill)} if kill else {}
    (outcome,) = played(installation, Case("sabotage", "sabotage", story, kills, sabotage=sabotage))
    assert found in {finding.kind for finding in outcome.findings}
    assert "again: make crash-test ARGS=" in failure(outcome, _SEED)


def test_run_that_died_is_continued_by_the_sensor(installation: Installation) -> None:
    (outcome,) = played(installation, Case("salvaged", "salvaged", SALVAGED, way="sensor"))
    assert not outcome.findings
    assert outcome.deaths == 1
    assert "salvage 1" in [ending.label for ending in outcome.endings]

"""Cases of what happens around a run, beside its own death: to servers, stores, clocks, accounts and people."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.crash import scenes
from tests.crash.bad_answers import bad_answers
from tests.crash.case import Case, Recording, slug
from tests.crash.lane import Gate
from tests.crash.points import Kill
from tests.crash.stories import (
    ADOPTED,
    BFL,
    CANCELLED,
    FAL,
    FAL_SUBMIT,
    HELD,
    LOST_ANSWER,
    NOTHING_LEFT,
    REPLICATE,
    REPLICATE_SUBMIT,
    S3,
    SLEEPING,
    SLOW,
    STRAIGHT,
    SUBMIT,
    Story,
)
from tuneloop.emulator import Fault
from tuneloop.orchestration.credentials import SpendingGuard

_BFL_SUBMIT = "/v1/finetune"
_OF_A_KIND = 2
"""Cases of one kind of bad answers in a session that is not full."""
_LIMIT = SpendingGuard(trainings_per_day=1)


def make_troubles(recordings: dict[str, Recording], lot: random.Random, *, full: bool) -> Iterator[Case]:
    """Every case of these kinds.

    Args:
        recordings: What each story's processes do, by the story's name.
        lot: Draws what is left to chance.
        full: All of them, at every point.
    """
    yield from _people()
    yield from _providers_and_stores()
    yield from _rivals()
    yield from _clocks()
    yield from _under_a_process(recordings, lot, full=full)
    yield from _bad_answers(lot, full=full)


def _case(kind: str, story: Story, *, racers: int = 1) -> Case:
    return Case(slug(kind, story.name), kind, story, racers=racers, way="next")


def _people() -> Iterator[Case]:
    yield _case("held: approved", HELD)
    yield _case("held: rejected", Story("rejected", limits=NOTHING_LEFT, person=("reject", "truth")))
    lost, never_sent = Fault("cut_after_effect", _BFL_SUBMIT), Fault("cut_before_effect", _BFL_SUBMIT)
    unlisted = replace(BFL, name="unlisted", faults=(lost,), switches={"accepts_unlisted": True})
    yield _case("held: it is there", unlisted)
    yield _case("held: it is not there", replace(BFL, name="never-sent", faults=(never_sent,)))
    yield _case(
        "held: it is not there", replace(BFL, name="given-up", faults=(never_sent,), person=("reject", "truth"))
    )
    yield _case("limits", Story("three-models", limits=_LIMIT, images_differ=True), racers=3)
    yield _case("limits", Story("second-of-the-day", limits=_LIMIT, after_champion=True))
    yield _case("adoption", ADOPTED)
    yield _case("adoption", replace(ADOPTED, name="adopted-by-two"), racers=2)
    yield _case("cancel", CANCELLED)
    deleted = Story(
        "cancelled-deleted", progress=SLOW, beside=scenes.cancelled_run_is_deleted, judges_nothing=True
    )
    yield _case("cancel", deleted)


def _providers_and_stores() -> Iterator[Case]:
    for kind, story, submit in (
        ("bfl", BFL, _BFL_SUBMIT),
        ("fal", FAL, FAL_SUBMIT),
        ("replicate", REPLICATE, REPLICATE_SUBMIT),
        ("s3", S3, SUBMIT),
    ):
        yield _case(kind, story)
        lost = Fault("cut_after_effect", submit, "POST")
        yield _case(kind, replace(story, name=f"{kind}-lost-answer", faults=(lost,)))
        late = Fault("fail_before_late_effect", submit, "POST", status=504, delay_s=590.0)
        yield _case(kind, replace(story, name=f"{kind}-late", faults=(late,)))
        yield _case(kind, replace(story, name=f"{kind}-race"), racers=4)


def _rivals() -> Iterator[Case]:
    in_doubt = (Fault("cut_before_effect", SUBMIT),)
    two_stores = Story(
        "two-stores",
        progress=SLOW,
        besides=("second",),
        beside=scenes.another_store,
        afterwards=scenes.move_to_another_store,
    )
    yield _case("two stores", two_stores)
    yield _case("two stores", replace(two_stores, name="two-stores-in-doubt", faults=in_doubt))
    two_servers = Story("two-servers", progress=SLOW, beside=scenes.another_server)
    yield _case("two prefect servers", two_servers)
    yield _case("two prefect servers", replace(two_servers, name="two-servers-in-doubt", faults=in_doubt))
    two_accounts = Story("two-accounts", progress=SLOW, besides=("twin",), beside=scenes.another_account)
    yield _case("two accounts", two_accounts)
    yield _case("two accounts", replace(two_accounts, name="two-accounts-in-doubt", faults=in_doubt))
    yield _case("two accounts", replace(SLEEPING, name="two-addresses", beside=scenes.another_address))


def _clocks() -> Iterator[Case]:
    for name, opening in (("slow", scenes.clock_is_slow), ("fast", scenes.clock_is_fast)):
        story = replace(LOST_ANSWER, name=name, opening=opening, beside=scenes.clock_is_right_again)
        yield _case("clock off", story)
    yield _case("clock off", replace(LOST_ANSWER, name="other-host", beside=scenes.host_with_a_fast_clock))


def _under_a_process(recordings: dict[str, Recording], lot: random.Random, *, full: bool) -> Iterator[Case]:
    """The server is killed, or the store vanishes, while a process stands at a point."""
    yield _case("prefect server killed", replace(SLEEPING, name="between", beside=scenes.server_dies_between))
    yield _case("store vanished", replace(SLEEPING, name="between", beside=scenes.store_is_away))
    points = [point for point in recordings[SLEEPING.name]["run 1"] if point.trace == "seen"]
    around_the_claim = [point for point in points if "trainings/" in point.what or SUBMIT in point.what]
    drawn = dict.fromkeys([*lot.sample(points, 2), *lot.sample(around_the_claim, 3)])
    for point in points if full else drawn:
        at = Kill(name=point.name)
        server = Gate(at, scenes.kill_server)
        yield _at_a_gate("prefect server killed", SLEEPING, point.name, server)
        volume = Gate(at, scenes.unmount, scenes.mount)
        yield _at_a_gate("store vanished", STRAIGHT, point.name, volume)


def _at_a_gate(kind: str, story: Story, point: str, gate: Gate) -> Case:
    return Case(slug(kind, story.name, point), kind, replace(story, gates={"run 1": gate}), way="next")


def _bad_answers(lot: random.Random, *, full: bool) -> Iterator[Case]:
    by_kind: dict[str, list[Case]] = {}
    for kind, story in bad_answers():
        by_kind.setdefault(kind, []).append(_case(kind, story))
    for cases in by_kind.values():
        yield from cases if full else lot.sample(cases, min(_OF_A_KIND, len(cases)))

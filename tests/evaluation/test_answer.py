"""A page whose question was answered."""

from __future__ import annotations

import dataclasses

import pytest

from tests.evaluation.evidence import AT, World
from tests.evaluation.test_promotion_page import FEW
from tuneloop.evaluation.reports.answer import show_answer
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import latest_page_name, page_name
from tuneloop.schemas.records import Decision


@pytest.fixture
def approval(world: World) -> Decision:
    """What a person has answered to a page that asks, which is the newest one of its model."""
    found = world.evidence(world.rendered("challenger", 1000, FEW.prompts, (1,)), None, FEW)
    asks = dataclasses.replace(found, result=found.result.model_copy(update={"verdict": "undecided"}))
    name, page = page_name(found.run, 0), write_page(world.store, asks).encode()
    assert b"A review is required" in page
    world.store.create(name, page)
    world.store.rewrite(latest_page_name("robot"), page)
    return Decision(
        created_at=AT,
        verdict="promote",
        model="robot",
        key=found.run.key,
        attempt=1,
        plan_digest=FEW.digest,
        against=0,
        scores={},
        report=name,
        decided_by="a person, in Prefect",
        reason="nicer <b>eyes</b> <!-- question -->",
    )


def test_answered_page_says_what_who_when_and_why_and_asks_no_more(world: World, approval: Decision) -> None:
    show_answer(world.store, approval)
    page = world.store.read(str(approval.report)).decode()
    answer = page[page.index("<header") : page.index("<h1>")]
    for part in (
        "Answered: promote the challenger.",
        "a person, in Prefect",
        f"{AT:%Y-%m-%d %H:%M} UTC",
        "nicer &lt;b&gt;eyes&lt;/b&gt;",
    ):
        assert part in answer
    assert "A review is required" not in page
    assert 'id="images"' in page
    assert world.store.read(latest_page_name("robot")).decode() == page


def test_answer_is_shown_once_and_leaves_a_newer_page_alone(world: World, approval: Decision) -> None:
    world.store.rewrite(latest_page_name("robot"), b"a newer page")
    show_answer(world.store, approval)
    page = world.store.read(str(approval.report))
    show_answer(world.store, approval.model_copy(update={"verdict": "reject", "reason": "too late"}))
    assert world.store.read(str(approval.report)) == page
    assert world.store.read(latest_page_name("robot")) == b"a newer page"


@pytest.mark.parametrize(
    ("against", "said"), [(0, "Answered: not promoted."), (3, "Answered: the champion stays.")]
)
def test_rejection_says_that_a_champion_stays_only_where_there_is_one(
    world: World, approval: Decision, against: int, said: str
) -> None:
    show_answer(world.store, approval.model_copy(update={"verdict": "reject", "against": against}))
    assert said in world.store.read(str(approval.report)).decode()


def test_answer_without_a_page_is_no_error(world: World, approval: Decision) -> None:
    show_answer(world.store, approval.model_copy(update={"report": None}))
    show_answer(world.store, approval.model_copy(update={"report": "models/robot/reports/gone.html"}))

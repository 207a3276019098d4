"""A gate that is not sure, answered in Prefect, at the command line, or by nobody yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.runs import here, look, run_of, start, tags_of, tick, wait_for
from tests.flows.test_held import answer, question_of
from tests.flows.test_salvage import continuing, end_as
from tuneloop.cli.app import app
from tuneloop.demo.stack import Stack
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.events import LABELS
from tuneloop.schemas.records import RunRecord


@pytest.fixture
def wish(wish: dict[str, Any]) -> dict[str, Any]:
    """Parameters under which every difference is too small, so that a person is asked."""
    gate = {"margin": 1.0, "max_copies": 1}
    return {**wish, "evaluation": {**wish["evaluation"], "gate": gate}}


@pytest.fixture
def asking(stack: Stack, wish: dict[str, Any], tmp_path: Path, bill: Bill) -> tuple[UUID, dict[str, Any]]:
    """A run that asks a person whether its model shall follow the first one."""
    del stack, bill
    first = here(wish)
    assert first.name == "Completed", first.message
    again = {**wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=91))}
    run = start(again)
    wait_for(run, "Suspended")
    return run, again


def work_of(ledger: Ledger, run: UUID) -> RunRecord:
    work = ledger.run(str(run))
    assert work is not None
    return work


def verdicts(ledger: Ledger, run: UUID) -> list[str]:
    return [decision.verdict for decision in ledger.decisions(work_of(ledger, run))]


def test_undecided_run_sleeps_on_is_asked_about_once_and_promotes_by_a_persons_word(
    stack: Stack, asking: tuple[UUID, dict[str, Any]], ledger: Ledger, bill: Bill
) -> None:
    run, again = asking
    state, form = question_of(run)
    assert "Undecided, review required" in (state.message or "")
    assert "needs-review" in tags_of(run)
    assert form["properties"]["decision"]["enum"] == [
        "approve: promote the challenger",
        "reject: keep the champion",
    ]
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    paid = len(bill.trainings)
    nightly = here(again)
    assert (nightly.name, "needs-review" in tags_of(run_of(nightly))) == ("Completed", True)
    assert f"run {run} asks" in (nightly.message or "")
    answer(run, "approve: promote the challenger", "nicer eyes")
    wait_for(run, "Completed")
    assert tags_of(run) & LABELS == {"promoted"}
    assert verdicts(ledger, run) == ["undecided", "promote"]
    champion = ledger.champion(again["model"])
    assert champion is not None
    assert (champion.number, champion.decided_by, champion.reason) == (2, "a person, in Prefect", "nicer eyes")
    assert here(again).name == "Cached"
    assert len(bill.trainings) == paid


def test_answer_at_the_command_line_ends_the_run_that_asks(
    stack: Stack, asking: tuple[UUID, dict[str, Any]], ledger: Ledger
) -> None:
    run, again = asking
    arguments = ["review", again["model"], "--reject", "--reason", "odd eyes", "--store", stack.store_slug]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    tick(stack.store_slug)
    state = wait_for(run, "Completed")
    assert "Not promoted" in (state.message or "")
    assert verdicts(ledger, run) == ["undecided", "reject"]
    champion = ledger.champion(again["model"])
    assert champion is not None
    assert champion.number == 1
    assert not ledger.is_marked(work_of(ledger, run))


def test_run_that_can_ask_nobody_says_how_to_answer(
    stack: Stack, wish: dict[str, Any], tmp_path: Path, ledger: Ledger
) -> None:
    assert here(wish).name == "Completed"
    again = {**wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=92))}
    state = here(again)
    assert (state.name, tags_of(run_of(state))) == ("Completed", {"needs-review"})
    command = f'tuneloop review {wish["model"]} --store {stack.store_slug} --approve --reason "…"'
    assert f"`{command}` (or `--reject`)" in (state.message or "")
    arguments = ["review", wish["model"], "--approve", "--reason", "better", "--store", stack.store_slug]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert verdicts(ledger, run_of(state)) == ["undecided", "promote"]
    assert here(again).name == "Cached"


def test_question_of_a_run_that_a_person_has_cancelled_is_asked_and_answered_by_the_next_one(
    stack: Stack, asking: tuple[UUID, dict[str, Any]], ledger: Ledger
) -> None:
    run, again = asking
    end_as(run, "cancelled")
    tick(stack.store_slug)
    (winding_up,) = continuing(run)
    wait_for(winding_up, "Completed")
    nightly = start(again)
    wait_for(nightly, "Suspended")
    answer(nightly, "approve: promote the challenger", "nicer eyes")
    wait_for(nightly, "Completed")
    assert verdicts(ledger, run) == ["undecided", "abandoned", "promote"]
    champion = ledger.champion(again["model"])
    assert champion is not None
    assert (champion.number, champion.reason) == (2, "nicer eyes")


def test_question_of_a_run_that_was_deleted_is_asked_again_on_another_page(
    stack: Stack, asking: tuple[UUID, dict[str, Any]], ledger: Ledger, bill: Bill
) -> None:
    run, again = asking
    end_as(run, "deleted")
    tick(stack.store_slug)
    (other,) = continuing(run)
    wait_for(other, "Suspended")
    orders = bill.orders
    answer(other, "approve: promote the challenger", "nicer eyes")
    wait_for(other, "Completed")
    assert verdicts(ledger, run) == ["undecided", "promote"]
    champion = ledger.champion(again["model"])
    assert champion is not None
    assert (champion.number, bill.orders) == (2, orders)


def test_form_takes_no_reason_that_says_nothing_or_far_too_much(asking: tuple[UUID, dict[str, Any]]) -> None:
    run, _ = asking
    for reason in ("", " \n", "word " * 20_000):
        with pytest.raises((AssertionError, httpx.HTTPStatusError)):
            answer(run, "reject: keep the champion", reason)
    assert look(run).name == "Suspended"


def test_champion_that_its_provider_has_no_more_leaves_the_decision_to_a_person(
    stack: Stack, wish: dict[str, Any], tmp_path: Path, ledger: Ledger, bill: Bill
) -> None:
    del stack
    assert here(wish).name == "Completed"
    champion = ledger.champion(wish["model"])
    assert champion is not None
    # Another version, as after its deletion at the provider.
    gone = {"number": 2, "key": "f" * 64, "job_id": "deleted-by-somebody", "writer_id": "w"}
    assert ledger.write_promotion(champion.model_copy(update=gone))
    state = here({**wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=93))})
    assert tags_of(run_of(state)) == {"needs-review"}
    assert "No image of both models can be compared." in (state.message or "")
    assert bill.images == 2
    report = ledger.decisions(work_of(ledger, run_of(state)))[0].report
    assert report is not None
    assert b"segmind has no such model" in ledger.store.read(report)

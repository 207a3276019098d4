"""Two models too close to tell, decided where a person would do it: in Prefect's UI."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Ui
from tests.browser.runs import Runs
from tests.conftest import draw_images
from tuneloop.demo.scenario import MODEL_DEPLOYMENT
from tuneloop.demo.stack import Stack
from tuneloop.emulator import Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.settings import Settings
from tuneloop.storage.local import LocalDirectory

pytestmark = pytest.mark.long  # a browser and an installation of its own

MODEL = "close-robot"
REASON = "the hands are better"
NEVER_SURE = {"prompts": ["a photo of {trigger}"], "seeds": [1, 2], "gate": {"margin": 1.0, "max_copies": 2}}


def _begin(runs: Runs, images: Path) -> UUID:
    return runs.start(MODEL_DEPLOYMENT, model=MODEL, dataset=str(images), evaluation=NEVER_SURE)


@pytest.fixture
def undecided_run(stack: Stack, runs: Runs, ledger: Ledger, tmp_path: Path) -> UUID:
    """The second run of a model, whose gate finds every difference too small.

    Trainings end at once from here on: this file is the last of its folder.
    """
    stack.emulator.progress(Progress.at_once())
    first = _begin(runs, draw_images(tmp_path / "first", 3, shade=31))
    runs.wait_until(first, "Completed")
    second = _begin(runs, draw_images(tmp_path / "second", 4, shade=32))
    runs.wait_until(second, "Suspended")
    assert _verdicts(ledger, second) == ["undecided"]
    return second


@pytest.fixture
def ledger(stack: Stack) -> Ledger:
    return Ledger(LocalDirectory(stack.folder / "store"))


def _verdicts(ledger: Ledger, run: UUID) -> list[str]:
    work = ledger.run(str(run))
    return [decision.verdict for decision in ledger.decisions(work)] if work else []


def test_undecided_run_is_approved_with_a_reason_on_its_own_page_and_promoted(
    ui: Ui, runs: Runs, ledger: Ledger, undecided_run: UUID
) -> None:
    page = ui.tagged_runs("needs-review")
    # Chart and list link to it; the list by its name.
    page.get_by_role("link", name=f"{MODEL}: needs review", exact=True).first.click()
    expect(page).to_have_url(re.compile(str(undecided_run)))
    _report_opens_by_the_link(ui)
    page = ui.run_page(undecided_run, "Details")
    expect(page.get_by_text("Undecided, review required").first).to_be_visible()
    dialog = ui.ask_to_resume()
    expect(dialog.get_by_text("too close to call")).to_be_visible()
    dialog.get_by_label("Select Decision").click()
    page.get_by_role("option", name="approve: promote the challenger").click()
    dialog.get_by_label("Reason").fill(REASON)
    ui.press_resume()
    runs.wait_until(undecided_run, "Completed")
    assert _verdicts(ledger, undecided_run) == ["undecided", "promote"]
    champion = ledger.champion(MODEL)
    assert champion is not None
    assert (champion.number, champion.decided_by, champion.reason) == (2, "a person, in Prefect", REASON)
    _report_shows_the_answer(ui, str(champion.report))
    work = ledger.run(str(undecided_run))
    assert work is not None
    assert not ledger.is_marked(work)
    again = runs.start(MODEL_DEPLOYMENT, **runs.read(undecided_run).parameters)
    runs.wait_until(again, "Cached")
    _both_are_on_the_deployments_page(ui, runs, undecided_run, again)


def _report_opens_by_the_link(ui: Ui) -> None:
    """The one in the form, which is the run's log's too."""
    link = ui.ask_to_resume().get_by_role("link", name="Look at both, image by image")
    address = link.get_attribute("href")
    link.click()
    expect(ui.page).to_have_title(f"{MODEL}: undecided")
    expect(ui.page.get_by_text("A review is required, and")).to_be_visible()
    assert ui.page.url == address


def _report_shows_the_answer(ui: Ui, report: str) -> None:
    page = ui.page
    page.goto(f"{Settings().reports_url}{report}")
    expect(page.locator("header").get_by_text(REASON)).to_be_visible()
    expect(page.get_by_text("A review is required, and")).to_have_count(0)


def _both_are_on_the_deployments_page(ui: Ui, runs: Runs, decided: UUID, unchanged: UUID) -> None:
    """Whoever opens the page in the morning sees what came of each run, also where there was nothing to do."""
    deployment = runs.client.read_deployment_by_name(MODEL_DEPLOYMENT).id
    page = ui.open(f"deployments/deployment/{deployment}?tab=Runs")
    # The chart above the list has links too, so it is the list's own words that are looked for.
    for run, words in ((decided, f"{MODEL}: promoted"), (unchanged, "Cached")):
        expect(page.locator(f'a[href*="{run}"]').first).to_be_visible()
        expect(page.get_by_text(words, exact=True).first).to_be_visible()

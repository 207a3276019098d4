"""The pages of a run: what it waits for, and what came of it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from playwright.sync_api import expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

from tests.browser.pages import Ui
from tests.browser.runs import Runs, run_record
from tuneloop.demo.stack import Stack
from tuneloop.emulator import Progress
from tuneloop.schemas.training import job_name

pytestmark = pytest.mark.long  # a browser and an installation of its own


def report_of(run: UUID) -> UUID:
    """Id of the report's artifact; the link to it is named differently in Prefect 3.8 and 3.9."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                key=ArtifactFilterKey(any_=["report-sample-robot"]),
                flow_run_id=ArtifactFilterFlowRunId(any_=[run]),
            )
        )
    return found[0].id


def test_a_run_shows_what_it_waits_for_and_after_a_resume_its_report(
    ui: Ui, runs: Runs, file_run: UUID, stack: Stack
) -> None:
    runs.wait_until(file_run, "Suspended")
    page = ui.run_page(file_run, "Details")
    training = job_name(run_record(stack, file_run)["key"], 1)
    job = next(job.id for job in stack.emulator.jobs() if job.name == training)
    expect(page.get_by_text("Suspended", exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile(rf"job {job}, .*\b\d\d:\d\d:\d\d UTC"))).to_be_visible()

    ui.resume()
    stack.emulator.progress(Progress.at_once())  # not before: the sensor would wake the run too
    runs.wait_until(file_run, "Completed")

    page = ui.run_page(file_run, "Artifacts")
    expect(page.get_by_text("report-sample-robot", exact=True)).to_be_visible()
    ui.open(f"artifacts/artifact/{report_of(file_run)}")
    expect(page.get_by_role("heading", name="sample-robot: promoted")).to_be_visible()
    shown = page.get_by_role("main").locator("img[src^='data:image/']")
    widths = [200] * 4  # two prompts times two seeds
    expect(shown).to_have_count(len(widths))
    for number, width in enumerate(widths):
        expect(shown.nth(number)).to_have_js_property("naturalWidth", width)

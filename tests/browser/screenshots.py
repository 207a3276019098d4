"""Keeps images of the UI in `screenshots/`: `make screenshots`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Error, Page, expect, sync_playwright
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
)

from tests.browser.find_browser import NEEDED, browser_path
from tests.browser.pages import Ui, launch, new_context
from tests.browser.report_pages import SCHEMES, SIZES, keep_report_pages
from tests.browser.runs import Runs
from tuneloop.demo.samples import copy_samples, take_some
from tuneloop.demo.scenario import MODEL_DEPLOYMENT, SENSOR_DEPLOYMENT
from tuneloop.demo.stack import Stack, running_stack
from tuneloop.emulator import Progress

_KEPT = Path("screenshots")
_SETTLED_MS = 1500
"""Until lists, images and the timeline stand still."""


@dataclass(frozen=True)
class Camera:
    """Keeps images of pages, each wide and on a phone, in light and in dark.

    Attributes:
        pages: A page for each of the four, by what its files end with.
        server: Address of the server.
    """

    pages: dict[str, Page]
    server: str

    def keep(self, name: str, path: str, shows: str, then: Callable[[Ui], object] | None = None) -> None:
        """Keep the page of this path, once it shows this text, as `name-wide-light.png` and three more.

        Args:
            name: What the images are called.
            path: The page.
            shows: A text on it.
            then: What is done on the page before.
        """
        for kind, page in self.pages.items():
            ui = Ui(page, self.server)
            ui.open(path)
            file, missing = _KEPT / f"{name}-{kind}.png", ""
            try:
                expect(page.get_by_text(shows).first).to_be_visible()
                if then is not None:
                    then(ui)
            except (AssertionError, Error) as error:  # kept all the same: it shows what is there instead
                missing = f": {str(error).splitlines()[0]} ({shows})"
            page.wait_for_timeout(_SETTLED_MS)
            page.screenshot(path=file, full_page=True)
            sys.stdout.write(f"{file}{missing}\n")

    def keep_dialog(self, name: str) -> None:
        """Keep the dialog that is open, as the docs show it."""
        file = _KEPT / f"{name}.png"
        self.pages["wide-light"].get_by_role("dialog").screenshot(path=file)
        sys.stdout.write(f"{file}\n")


def _retrain(stack: Stack, runs: Runs, images: Path, camera: Camera | None) -> UUID:
    """One training from its start to its report; with a camera, it is watched on the way."""
    stack.emulator.progress(Progress.after_seconds(3600))
    run = runs.start(MODEL_DEPLOYMENT, dataset=str(images))
    runs.wait_until(run, "Suspended")
    if camera:
        camera.keep("suspended-run", f"runs/flow-run/{run}", "submitted to infrastructure")
        camera.keep("suspended-run-details", f"runs/flow-run/{run}?tab=Details", "Waiting for")
    stack.emulator.progress(Progress.at_once())
    runs.start(SENSOR_DEPLOYMENT)
    runs.wait_until(run, "Completed")
    return run


def _keep_all(stack: Stack, runs: Runs, camera: Camera) -> None:
    changed, images = stack.folder / "images", stack.folder / "some-images"
    copy_samples(changed)
    take_some(changed, images)
    deployment = runs.client.read_deployment_by_name(MODEL_DEPLOYMENT).id
    camera.keep("deployments", "deployments", "sensor")
    camera.keep("deployment", f"deployments/deployment/{deployment}", "At 03:00 AM")
    camera.keep("run-form", f"deployments/deployment/{deployment}/run", "Trigger word")
    camera.keep("blocks", "blocks", "Segmind Credentials")
    camera.keep("block-form", "blocks/catalog/segmind-credentials/create", "Api Key")
    _retrain(stack, runs, images, None)
    run = _retrain(stack, runs, changed, camera)
    camera.keep("completed-run", f"runs/flow-run/{run}", "Finished in state")
    camera.keep("completed-run-artifacts", f"runs/flow-run/{run}?tab=Artifacts", "report-sample-robot")
    camera.keep("report", f"artifacts/artifact/{_artifact(runs, run, 'report-')}", "sample-robot: promoted")
    camera.keep("dataset", f"artifacts/artifact/{_artifact(runs, run, 'dataset-')}", "Dataset")
    unchanged = runs.start(MODEL_DEPLOYMENT, dataset=str(changed))
    runs.wait_until(unchanged, "Cached")
    camera.keep("deployment-runs", f"deployments/deployment/{deployment}?tab=Runs", "Cached")
    camera.keep("unchanged-run-details", f"runs/flow-run/{unchanged}?tab=Details", "Skipped, nothing paid")
    # The first model again, under a gate that is never sure: it is asked about, and trained no second time.
    plan = {"seeds": [1, 2, 3, 4], "gate": {"margin": 1.0}}
    undecided = runs.start(MODEL_DEPLOYMENT, dataset=str(images), evaluation=plan)
    runs.wait_until(undecided, "Suspended")
    page = f"runs/flow-run/{undecided}?tab=Details"
    camera.keep("undecided-run", page, "Undecided, review required")
    camera.keep("approval", page, "Undecided, review required", Ui.ask_to_resume)
    camera.keep_dialog("approval-form")
    camera.keep("runs", "runs", "retrain-model")
    camera.keep("artifacts", "artifacts", "report-sample-robot")


def _artifact(runs: Runs, run: UUID, key: str) -> UUID:
    found = runs.client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run]), type=ArtifactFilterType(any_=["markdown"])
        )
    )
    return next(item.id for item in found if (item.key or "").startswith(key))


def main() -> None:
    """Start an installation, retrain twice, and keep images on the way."""
    executable = browser_path()
    if executable is None:
        sys.exit(NEEDED)
    shutil.rmtree(_KEPT, ignore_errors=True)
    _KEPT.mkdir()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "local") as stack,
        get_client(sync_client=True) as client,
        sync_playwright() as playwright,
        launch(playwright, executable) as browser,
    ):
        pages = {
            f"{size}-{scheme}": new_context(browser, color_scheme=scheme, viewport=viewport).new_page()
            for size, viewport in SIZES.items()
            for scheme in SCHEMES
        }
        _keep_all(stack, Runs(client), Camera(pages, stack.server_url))
        keep_report_pages(browser, _KEPT)


if __name__ == "__main__":
    main()

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import BrowserContext, sync_playwright
from prefect.client.orchestration import get_client

from tests.browser.find_browser import NEEDED, browser_path
from tests.browser.pages import Ui, launch, listen, new_context
from tests.browser.runs import Runs
from tests.conftest import SERVER_PYTHON, draw_images
from tests.waiting import relying_on
from tuneloop.demo.scenario import MODEL_DEPLOYMENT
from tuneloop.demo.stack import Stack, running_stack
from tuneloop.emulator import Progress


@pytest.fixture(scope="package")
def executable() -> Path:
    """The browser. Where none could be had there is nothing to test with, which CI does not forgive."""
    found = browser_path()
    if found is not None:
        return found
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(NEEDED)
    pytest.skip(NEEDED)


@pytest.fixture(scope="package")
def stack(
    executable: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One installation for the whole folder, whose trainings last until a test ends them."""
    del executable  # asked for first: without a browser nothing needs to start
    folder = tmp_path_factory.mktemp("installation")
    with (
        chdir(pytestconfig.rootpath),
        running_stack(folder, "local", server_python=SERVER_PYTHON) as running,
        relying_on(running.processes),
    ):
        running.emulator.progress(Progress.after_seconds(3600))
        yield running


@pytest.fixture(scope="package")
def runs(stack: Stack) -> Iterator[Runs]:
    del stack  # its settings say which server
    with get_client(sync_client=True) as client:
        yield Runs(client)


@pytest.fixture(scope="package")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_images(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="package")
def model(runs: Runs) -> UUID:
    """The deployment of the sample model."""
    return runs.client.read_deployment_by_name(MODEL_DEPLOYMENT).id


@pytest.fixture(scope="package", autouse=True)
def file_run(runs: Runs, images: Path) -> UUID:
    """A run with the recipe of the deployment file, which waits for its training.

    The rectangles that it learns may well be called copies of each other, which is not looked at here.
    Started before anything else: it takes its time while the first tests go on.
    """
    plan = {
        "prompts": ["a photo of {trigger}", "{trigger} on a beach at sunset"],
        "seeds": [1, 2],
        "gate": {"max_copies": 4},
    }
    return runs.start(MODEL_DEPLOYMENT, dataset=str(images), evaluation=plan)


@pytest.fixture(scope="package")
def browser(executable: Path, stack: Stack) -> Iterator[BrowserContext]:
    """A browser with an empty profile, for the whole folder: it reads the UI's scripts once."""
    del stack  # started before: the browser's event loop stands in its way
    with sync_playwright() as playwright, launch(playwright, executable) as browser:
        yield new_context(browser)


@pytest.fixture
def ui(browser: BrowserContext, stack: Stack) -> Iterator[Ui]:
    """The UI on a fresh page; a test on which a page complains has failed."""
    page = browser.new_page()
    complaints = listen(page)
    yield Ui(page, stack.server_url)
    page.close()
    assert not complaints

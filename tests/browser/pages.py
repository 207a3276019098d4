"""The pages of Prefect's V2 UI that show something of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Response,
    expect,
)

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The UI asks addresses out in the world; whether they answer must make no difference here.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_ECHOES = (
    "Failed to load resource",
    "Unknown error while creating flow run",
    "Unknown error while creating block",
    "Unknown error while updating block",
)
"""Console errors that only repeat an answer of the server; the answer itself is judged."""
_TIMELINE = "/flow-run-graph-"
_BUSY = 503
_NOT_FOUND = 404
_NAME_IS_FREE = "/block_documents/name/"
_PRESSES = 5
PATIENCE_MS = 20_000


def launch(playwright: Playwright, executable: Path) -> Browser:
    """Start a browser without a window, on an empty profile."""
    expect.set_options(timeout=PATIENCE_MS)
    return playwright.chromium.launch(executable_path=executable, headless=True, args=_FLAGS)


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A window's size, and patience with a server that shares its machine."""
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
    context.set_default_timeout(PATIENCE_MS)
    return context


def listen(page: Page) -> list[str]:
    """Gather what goes wrong on a page.

    Left out is what is Prefect's: icons that it lacks, addresses out in the world, a busy SQLite, the question
    whether a new block's name is free, and the drawing of a run's timeline, which stumbles when its page is left.
    """
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_ECHOES):
            complaints.append(f"console: {message.text}")

    def response(answer: Response) -> None:
        if answer.status == _NOT_FOUND and _NAME_IS_FREE in answer.url:
            return
        if answer.status >= 400 and answer.status != _BUSY and "/api/" in answer.url:
            complaints.append(f"{answer.status} from {answer.request.method} {answer.url}")

    def error(raised: Error) -> None:
        if _TIMELINE not in (raised.stack or ""):
            complaints.append(f"{page.url}: {raised.stack or raised}")

    page.on("console", console)
    page.on("response", response)
    page.on("pageerror", error)
    return complaints


@dataclass(frozen=True)
class Ui:
    """Prefect's UI in a browser.

    Attributes:
        page: The browser's page.
        server: Address of the server.
    """

    page: Page
    server: str

    def open(self, path: str) -> Page:
        """Open a page of the UI by its path."""
        self.page.goto(f"{self.server}/v2/{path}")
        return self.page

    def tagged_runs(self, tag: str) -> Page:
        """Open the list of runs, and show those with a tag only."""
        self.open("runs")
        tags = self.page.get_by_placeholder("All tags")
        tags.fill(tag)
        tags.press("Enter")
        expect(self.page).to_have_url(re.compile(f"[?&]tags={tag}(&|$)"))
        return self.page

    def run_form(self, deployment: UUID) -> RunForm:
        """Open the form that starts a run of a deployment."""
        self.open(f"deployments/deployment/{deployment}/run")
        expect(self.page.locator("form").get_by_role("button", name="Open menu").first).to_be_visible()
        return RunForm(self.page)

    def block_form(self, kind: str) -> BlockForm:
        """Open the form that makes a block of this kind."""
        self.open(f"blocks/catalog/{kind}/create")
        expect(self.page.get_by_label("Api Key", exact=True)).to_be_visible()
        return BlockForm(self.page)

    def edit_block(self, block: UUID) -> BlockForm:
        """Open the form of a saved block."""
        self.open(f"blocks/block/{block}/edit")
        expect(self.page.get_by_label("Api Key", exact=True)).to_be_visible()
        return BlockForm(self.page)

    def run_page(self, run: UUID, tab: str) -> Page:
        """Open the page of a run on one of its tabs."""
        self.open(f"runs/flow-run/{run}?tab={tab}")
        expect(self.page.get_by_role("tab", name=tab, selected=True)).to_be_visible()
        return self.page

    def resume(self) -> None:
        """Resume the suspended run whose page is open."""
        self.ask_to_resume()
        self.press_resume()

    def ask_to_resume(self) -> Locator:
        """Open the dialog that resumes the suspended run whose page is open, with its form where it has one."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        return self.page.get_by_role("dialog")

    def press_resume(self) -> None:
        """Send the dialog, and leave the page: drawing its timeline costs a processor."""
        answer = _press(self.page, self.page.get_by_role("dialog").get_by_role("button", name="Resume"), "/resume")
        assert answer.status == 201, answer.text()
        self.page.goto("about:blank")


@dataclass(frozen=True)
class RunForm:
    """The form that starts a run."""

    page: Page

    def height_px(self) -> int:
        """Height of the page."""
        return int(self.page.evaluate("document.documentElement.scrollHeight"))

    def choose(self, trainer: str) -> None:
        """Choose the trainer."""
        self.page.get_by_role("button", name="Select Trainer").click()
        self.page.get_by_role("option", name=trainer, exact=True).click()

    def others(self, text: str) -> None:
        """Type the JSON of the trainer's other settings."""
        editor = self.page.locator("form .cm-content")
        # `fill` selects in the page and not in the editor, which then may keep its old text beside the new one.
        editor.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)
        expect(editor).to_have_text(text)

    def field(self, label: str) -> Locator:
        """The input of a field, by its whole label."""
        return self.page.locator("form").get_by_label(label, exact=True)

    def submit(self) -> UUID:
        """Send the form.

        Returns:
            The run that the server has made of it.
        """
        button = self.page.get_by_role("button", name="Submit", exact=True)
        answer = _press(self.page, button, "/create_flow_run")
        assert answer.status == 201, answer.text()
        return UUID(answer.json()["id"])


@dataclass(frozen=True)
class BlockForm:
    """The form of a block."""

    page: Page

    def fill(self, fields: dict[str, str]) -> None:
        """Type into fields, by their labels."""
        for label, text in fields.items():
            self.page.get_by_label(label, exact=True).fill(text)

    def save(self) -> Page:
        """Send the form. Returns the page of the saved block."""
        button = self.page.get_by_role("button", name="Save", exact=True)
        answer = _press(self.page, button, "/block_documents/[0-9a-f-]*")
        assert answer.status in {201, 204}, answer.text()
        expect(self.page.get_by_text("Paste this snippet")).to_be_visible()
        return self.page


def _press(page: Page, button: Locator, route: str) -> Response:
    """Press a button, again where the server's SQLite was busy: the UI leaves that to its user.

    `route` is a regular expression of the end of the address that the UI then sends something to.

    Returns:
        What the server answered.
    """
    for _ in range(_PRESSES):
        with page.expect_response(lambda answer: bool(re.search(f"{route}$", answer.url))) as sent:
            button.click()
        if sent.value.status != _BUSY:
            break
    return sent.value

"""The page of a decision, opened from a folder as a person would: it asks nobody, and the keyboard is enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import draw_images
from tests.evaluation.evidence import PROMPTS, World, promotions
from tests.evaluation.hostile import HOSTILE
from tests.evaluation.overview import overview_of
from tests.evaluation.test_comparison_page import report_of
from tuneloop.evaluation.reports.comparison_page import comparison_page_name, write_comparison_page
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.model_page import ChampionEntry, model_page_name, write_model_page
from tuneloop.evaluation.reports.models_page import MODELS_PAGE, write_models_page
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import DecisionReport, page_name
from tuneloop.schemas.evaluation import EvaluatedImage
from tuneloop.schemas.plan import EvaluationConfig

pytestmark = pytest.mark.long  # a browser and an installation of its own

PLAN = EvaluationConfig(prompts=PROMPTS[:2], seeds=(1, 2))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("page")
    return World.made(folder / "world", draw_images(folder / "samples", 4), side_px=256)


@pytest.fixture(scope="module")
def evidence(world: World) -> DecisionReport:
    champion = world.rendered("champion", 300, PLAN.prompts, PLAN.seeds)
    found = world.evidence(world.rendered("challenger", 1000, PLAN.prompts, PLAN.seeds), champion, PLAN)
    copied = found.challenger.images[1].model_copy(update={"copied": 0.8})
    refused = found.challenger.images[3].model_copy(update={"name": None, "finding": "refused"})
    images = (found.challenger.images[0], copied, found.challenger.images[2], refused)
    challenger = found.challenger.model_copy(update={"images": images, "asked_again": 1})
    return dataclasses.replace(found, challenger=challenger)


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A page that may ask for nothing but its own file, and may not complain."""
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    opened = page.url
    page.close()
    assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {opened.partition("#")[0]}
    assert not said


def kept(world: World, name: str, text: str) -> str:
    """Put a page where it belongs in the store."""
    file = world.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def report(world: World, evidence: DecisionReport) -> str:
    return kept(world, page_name(evidence.run, 3), write_page(world.store, evidence))


@pytest.fixture(scope="module")
def model(world: World, evidence: DecisionReport) -> str:
    first, second, third = promotions(world.old.digest)
    reigns = [
        ChampionEntry(first, evidence.champion),
        ChampionEntry(second, evidence.challenger),
        ChampionEntry(third, evidence.champion),
    ]
    return kept(world, model_page_name("robot", 3), write_model_page(world.store, "robot", reigns))


@pytest.fixture(scope="module")
def models(world: World, evidence: DecisionReport) -> str:
    shown = [world.store.read(image.name) for image in evidence.challenger.images if image.name]
    overview = overview_of(8)
    thumbnails = {each.model: thumbnail_address(shown[0], 112) or "" for each in overview.models if each.page}
    return kept(world, MODELS_PAGE, write_models_page(world.store, overview, thumbnails))


@pytest.fixture(scope="module")
def comparison(world: World) -> str:
    found = report_of(world, world.rendered("champion", 600, PLAN.prompts, PLAN.seeds), PLAN)
    return kept(world, comparison_page_name(found.record, 3), write_comparison_page(world.store, found))


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}"
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


def test_page_opens_with_every_image_and_asks_nobody(page: Page, report: str) -> None:
    page.goto(report)
    expect(page).to_have_title("robot: promoted")
    images = page.locator("main img")
    expect(images).to_have_count(11)
    for number in range(11):
        expect(images.nth(number)).to_have_js_property("complete", value=True)
        assert images.nth(number).evaluate("image => image.naturalWidth") > 0
    expect(page.get_by_text("no image", exact=True)).to_be_visible()


def test_keyboard_flips_at_one_place_and_gives_the_focus_back(page: Page, report: str) -> None:
    page.goto(report)
    button = page.get_by_role("button", name="Challenger: a photo of ROBOX, seed 1")
    button.focus()
    page.keyboard.press("Enter")
    dialog, label = page.get_by_role("dialog"), page.locator("#viewer-label")
    expect(label).to_have_text("Challenger")
    where = page.locator("#viewer-stage .shown").bounding_box()
    first = page.locator("#viewer-stage .shown").get_attribute("src")
    for key, shown in (("ArrowRight", "Champion v3"), (" ", "Challenger"), ("ArrowLeft", "Champion v3")):
        page.keyboard.press(key)
        expect(label).to_have_text(shown)
        assert (page.locator("#viewer-stage .shown").get_attribute("src") == first) == (shown == "Challenger")
        assert page.locator("#viewer-stage .shown").bounding_box() == where
    page.keyboard.press("ArrowDown")
    expect(page.locator("#viewer-seed")).to_have_text("seed 2")
    expect(label).to_have_text("Champion v3")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_every_image_of_a_pair_can_be_chosen_and_the_finding_is_said(page: Page, report: str) -> None:
    page.goto(report)
    page.get_by_role("button", name="Champion v3: a photo of ROBOX, seed 2").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Challenger", exact=True).click()
    expect(dialog.get_by_text("copies a training image: 80% of it is the same")).to_be_visible()
    dialog.get_by_role("button", name="Nearest training image").click()
    expect(page.locator("#viewer-label")).to_have_text("Nearest training image")
    expect(dialog.get_by_role("button", name="Nearest training image")).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_focus_stays_in_the_dialog_at_the_first_and_last_pair(page: Page, report: str) -> None:
    page.goto(report)
    page.get_by_role("button", name="Challenger: a photo of ROBOX, seed 1").click()
    for key in ("ArrowUp", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        assert page.evaluate("document.getElementById('viewer').contains(document.activeElement)")
    expect(page.get_by_role("button", name="Next pair")).to_be_disabled()
    # The challenger's image was refused there: what is left to flip to is the training image.
    expect(page.locator("#viewer-label")).to_have_text("Champion v3")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-label")).to_have_text("Nearest training image")


def test_full_image_opens_from_the_store(page: Page, report: str, world: World) -> None:
    page.goto(report)
    page.get_by_role("button", name="Challenger: a photo of ROBOX, seed 1").click()
    link = page.get_by_role("link", name="Full image").evaluate("link => link.href")
    assert Path(link.removeprefix("file://")).read_bytes().startswith(b"\xff\xd8")
    assert link.startswith(world.store.uri)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("which", ["report", "model", "models", "comparison"])
def test_page_is_accessible(
    page: Page, scheme: str, width: int, which: str, request: pytest.FixtureRequest
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(request.getfixturevalue(which))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not serious(page)
    if which == "report":
        page.locator(".pair button").first.click()
        assert not serious(page)
        assert page.evaluate("document.getElementById('viewer').scrollWidth") <= width


def test_hostile_texts_do_nothing_but_show(page: Page, world: World, evidence: DecisionReport) -> None:
    def hostile(image: EvaluatedImage, number: int) -> EvaluatedImage:
        return image.model_copy(update={"prompt": HOSTILE[number], "finding": HOSTILE[number + 4]})

    images = tuple(hostile(image, number) for number, image in enumerate(evidence.challenger.images))
    said = "\n".join(HOSTILE)
    worst = dataclasses.replace(
        evidence,
        challenger=evidence.challenger.model_copy(update={"images": images}),
        result=evidence.result.model_copy(update={"reason": said, "rule": said}),
        collected=evidence.collected.model_copy(update={"job_id": said}),
        decided_by=said,
    )
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(kept(world, "models/robot/reports/hostile.html", write_page(world.store, worst)))
    page.locator(".pair button").nth(1).click()
    for _ in HOSTILE:
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    expect(page.locator("#viewer-title")).to_contain_text("onmouseover")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_policy_stops_what_is_not_the_pages_own(
    browser: BrowserContext, world: World, evidence: DecisionReport
) -> None:
    """Were anything ever put in unescaped, the page's policy still would not run or fetch it."""
    foreign = '<script>window.hacked = 1</script><img src="http://127.0.0.1:9/x.png" onerror="window.hacked = 1">'
    text = write_page(world.store, evidence).replace("<main id=", f"{foreign}<main id=")
    page = browser.new_page()
    failed: list[str] = []
    page.on("console", lambda message: failed.append(message.text))
    page.goto(kept(world, "models/robot/reports/foreign.html", text))
    assert page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in words for words in failed) >= 2
    page.close()

"""Keeps images of the report's pages: part of `make screenshots`, or by itself with a folder as argument."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.find_browser import NEEDED, browser_path
from tests.browser.pages import launch
from tests.evaluation.evidence import PROMPTS, World, promotions
from tests.evaluation.overview import overview_of
from tests.evaluation.test_comparison_page import report_of
from tuneloop.demo.samples import copy_samples
from tuneloop.evaluation.reports.comparison_page import write_comparison_page
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.model_page import ChampionEntry, write_model_page
from tuneloop.evaluation.reports.models_page import MODELS_PAGE, write_models_page
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig

_PLAN = EvaluationConfig(prompts=PROMPTS[:4], seeds=(1, 2))
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def keep_report_pages(browser: Browser, kept: Path) -> None:
    """Draw decisions of every kind, and keep their pages: light and dark, wide and on a phone, dialog open."""
    with tempfile.TemporaryDirectory() as folder:
        pages = _written(Path(folder))
        for scheme in SCHEMES:
            for size, viewport in SIZES.items():
                context = browser.new_context(
                    color_scheme=scheme,
                    viewport={"width": viewport["width"], "height": viewport["height"]},
                    device_scale_factor=2 if size == "phone" else 1,
                )
                page = context.new_page()
                for name, address in pages.items():
                    page.goto(address)
                    _keep(page, kept / f"{name}-{size}-{scheme}.png")
                context.close()


def _keep(page: Page, file: Path) -> None:
    page.screenshot(path=file, full_page=True)
    sys.stdout.write(f"{file}\n")
    button = page.get_by_role("button", name="Challenger: ").nth(1)
    if button.is_visible():
        button.click()
        dialog = file.with_name(f"{file.stem}-dialog.png")
        page.screenshot(path=dialog)
        sys.stdout.write(f"{dialog}\n")


def _written(folder: Path) -> dict[str, str]:
    """Write the pages where they would lie. Returns their addresses."""
    samples = folder / "samples"
    copy_samples(samples)
    world = World.made(folder / "world", samples, side_px=768)
    good, other, short, burnt = (
        world.rendered(mark, steps, _PLAN.prompts, _PLAN.seeds)
        for mark, steps in (("champion", 1000), ("third", 1000), ("second", 400), ("burnt", 14000))
    )
    decisions = {
        "report-promoted": world.evidence(good, short, _PLAN),
        "report-not-promoted": world.evidence(_with_copies(burnt), good, _PLAN),
        "report-undecided": world.evidence(other, good, _PLAN),
        "report-first": world.evidence(good, None, _PLAN),
    }
    texts = {f"reports/{name}": write_page(world.store, found) for name, found in decisions.items()}
    reigns = [
        ChampionEntry(each, drawn)
        for each, drawn in zip(promotions(world.old.digest), (good, short, good), strict=True)
    ]
    texts["pages/model"] = write_model_page(world.store, "robot", reigns)
    overview = overview_of(8)
    samples_shown = [thumbnail_address(world.store.read(image.name), 112) for image in good.images if image.name]
    shown = dict(
        zip((each.model for each in overview.models if each.page), filter(None, samples_shown), strict=False)
    )
    addresses = {}
    files = {f"models/robot/{name}.html": text for name, text in texts.items()}
    files[MODELS_PAGE] = write_models_page(world.store, overview, shown)
    files["pages/comparisons/trainers/comparison.html"] = write_comparison_page(
        world.store, report_of(world, good, _PLAN)
    )
    for name, text in files.items():
        file = world.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        addresses[file.stem] = file.as_uri()
    return addresses


def _with_copies(evaluation: Evaluation) -> Evaluation:
    """Two copies, one refusal, and an image that was asked for twice."""
    images = list(evaluation.images)
    for number in (1, 4):
        images[number] = images[number].model_copy(update={"copied": 0.81})
    refused: dict[str, object] = {
        "name": None,
        "finding": "refused by the provider: moderated",
        "scores": {},
        "nearest": None,
    }
    images[3] = images[3].model_copy(update={**refused, "copied": 0.0})
    return evaluation.model_copy(update={"images": tuple(images), "asked_again": 1})


def main() -> None:
    """Keep them in the folder that is named."""
    executable = browser_path()
    if executable is None:
        sys.exit(NEEDED)
    kept = Path(sys.argv[1])
    kept.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, launch(playwright, executable) as browser:
        keep_report_pages(browser, kept)


if __name__ == "__main__":
    main()

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.evaluation.evidence import PROMPTS, SEEDS, World
from tuneloop.demo.samples import copy_samples
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import DecisionReport, page_name
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.storage.local import LocalDirectory

FEW = EvaluationConfig(prompts=PROMPTS[:2], seeds=(1, 2))


class Outline(HTMLParser):
    """Every tag with its attributes' names, every address, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[str]:
        return [value for attribute, value in self.attributes if attribute == name]


@pytest.fixture
def evidence(world: World) -> DecisionReport:
    challenger = world.rendered("challenger", 1000, FEW.prompts, FEW.seeds)
    return world.evidence(challenger, world.rendered("champion", 300, FEW.prompts, FEW.seeds), FEW)


def changed(evaluation: Evaluation, number: int, **update: object) -> Evaluation:
    images = list(evaluation.images)
    images[number] = images[number].model_copy(update=update)
    return evaluation.model_copy(update={"images": tuple(images)})


def saying(evidence: DecisionReport, text: str) -> DecisionReport:
    """The same decision with one text wherever a text comes from outside."""
    challenger = evidence.challenger.model_copy(
        update={
            "images": tuple(
                image.model_copy(update={"prompt": text + str(number), "finding": text})
                for number, image in enumerate(evidence.challenger.images)
            )
        }
    )
    items = tuple(item.model_copy(update={"file_name": text, "caption": text}) for item in evidence.manifest.items)
    return dataclasses.replace(
        evidence,
        challenger=challenger,
        manifest=evidence.manifest.model_copy(update={"items": items, "source": text}),
        run=evidence.run.model_copy(update={"recipe": {"prompt": text}}),
        collected=evidence.collected.model_copy(update={"job_id": text}),
        result=evidence.result.model_copy(update={"reason": text, "rule": text}),
        champion_history=[
            promotion.model_copy(update={"reason": text}) for promotion in evidence.champion_history
        ],
        decided_by=text,
    )


@pytest.mark.long  # it draws 48 large images
def test_page_of_24_pairs_stays_below_two_megabytes(tmp_path: Path) -> None:
    copy_samples(tmp_path / "samples")
    world = World.made(tmp_path / "world", tmp_path / "samples", side_px=512)
    challenger, champion = world.rendered("challenger", 300), world.rendered("champion", 1000)
    assert len(challenger.images) == 24
    plan = EvaluationConfig(prompts=PROMPTS, seeds=SEEDS)
    page = write_page(world.store, world.evidence(challenger, champion, plan))
    assert len(page.encode()) < 2_000_000
    outline = Outline(page)
    assert all(src.startswith("data:image/webp;") for src in outline.named("src"))
    assert len(outline.named("src")) == 3 * 24
    assert min(int(width) for width in outline.named("width") if width.isdigit()) >= 256


def test_links_lead_from_the_page_to_what_the_store_has(world: World, evidence: DecisionReport) -> None:
    page = world.root / page_name(evidence.run, 3)
    page.parent.mkdir(parents=True)
    outline = Outline(write_page(world.store, evidence))
    hrefs = outline.named("data-href")
    assert len(hrefs) == 12
    for href in hrefs:
        assert (page.parent / unquote(href)).is_file(), href
    # Records and weights are named only: the reports server shows neither.
    assert all(href.startswith("#") for href in outline.named("href"))


def test_store_that_no_browser_reads_is_named_and_not_linked(world: World, evidence: DecisionReport) -> None:
    far = LocalDirectory(world.root)
    far.uri = "s3://bucket/prefix"
    outline = Outline(write_page(far, evidence))
    assert not outline.named("data-href")
    assert all(href.startswith("#") for href in outline.named("href"))
    assert "s3://bucket/prefix/weights/" in outline.text
    assert any(uri.startswith("s3://bucket/prefix/renders/") for uri in outline.named("data-uri"))


@pytest.mark.parametrize(
    ("steps", "word", "sign"), [(1000, "promoted", "promote"), (100, "not promoted", "reject")]
)
def test_verdict_is_told_by_word_sign_and_color(world: World, steps: int, word: str, sign: str) -> None:
    champion = world.rendered("champion", 300, FEW.prompts, FEW.seeds)
    found = world.evidence(world.rendered("challenger", steps, FEW.prompts, FEW.seeds), champion, FEW)
    page = write_page(world.store, found)
    assert f"<strong>{word}</strong>" in page
    assert f'<header class="verdict {sign}">' in page
    assert found.result.reason.replace("'", "&#39;") in page


def test_undecided_says_that_a_person_is_asked(world: World, evidence: DecisionReport) -> None:
    open_ = dataclasses.replace(evidence, result=evidence.result.model_copy(update={"verdict": "undecided"}))
    page = write_page(world.store, open_)
    assert "<strong>undecided</strong>" in page
    assert "A review is required" in page
    text = Outline(page).text
    assert f'tuneloop review robot --store {evidence.run.store} --approve --reason "…"' in text


@pytest.mark.parametrize(
    ("verdict", "first", "weights", "words"),
    [
        ("promote", False, True, "Promoted as v4. Without --version, commands use the current champion."),
        ("reject", False, True, "This challenger was not promoted; its weights stay in the store."),
        ("reject", False, False, "use the current champion. This challenger was not promoted."),
        ("reject", True, True, "no champion yet: these commands work once one is promoted."),
        ("undecided", True, False, "is promoted. This challenger becomes champion v1 if you approve it."),
    ],
)
def test_box_of_commands_says_which_model_they_use(
    world: World, evidence: DecisionReport, verdict: str, first: bool, weights: bool, words: str
) -> None:
    page = write_page(
        world.store,
        dataclasses.replace(
            evidence,
            result=evidence.result.model_copy(update={"verdict": verdict}),
            champion_history=() if first else evidence.champion_history,
            collected=evidence.collected if weights else evidence.collected.model_copy(update={"weights": None}),
        ),
    )
    assert words in Outline(page).text


def test_scores_that_had_no_say_are_told_so(world: World, evidence: DecisionReport) -> None:
    assert "The scores had no say" not in write_page(world.store, evidence)
    fallen = dataclasses.replace(evidence, result=evidence.result.model_copy(update={"by_thresholds": True}))
    assert "The scores had no say" in write_page(world.store, fallen)


def test_first_model_has_no_champion_column(world: World) -> None:
    found = world.evidence(world.rendered("challenger", 1000, FEW.prompts, FEW.seeds), None, FEW)
    page = write_page(world.store, found)
    assert "there is no champion to compare with" in page
    assert 'class="champion"' not in page
    assert "challenger better" not in page


def test_missing_blank_and_copied_images_are_found_and_led_to(world: World, evidence: DecisionReport) -> None:
    challenger = changed(evidence.challenger, 0, name=None, finding="refused by the provider: no", scores={})
    challenger = changed(challenger, 1, finding="blank: one flat tone", scores={})
    challenger = changed(challenger, 2, copied=0.83).model_copy(update={"asked_again": 2})
    outline = Outline(write_page(world.store, dataclasses.replace(evidence, challenger=challenger)))
    for words in ("no image", "refused by the provider: no", "blank: one flat tone", "83% of it is the same"):
        assert words in outline.text
    assert {f"#pair-{number}" for number in (1, 2, 3)} <= set(outline.named("href"))
    assert "2 requested once more" in outline.text


def test_image_that_is_gone_or_broken_is_said_and_stops_nothing(world: World, evidence: DecisionReport) -> None:
    world.store.create("renders/broken.jpg", b"no image at all")
    challenger = changed(evidence.challenger, 0, name="renders/broken.jpg")
    challenger = changed(challenger, 1, name="renders/gone.jpg")
    page = write_page(world.store, dataclasses.replace(evidence, challenger=challenger))
    assert page.count("cannot be read") == 2


def test_page_says_what_changed_what_it_cost_and_where_it_comes_from(
    world: World, evidence: DecisionReport
) -> None:
    text = Outline(write_page(world.store, evidence)).text
    for words in (
        "Since the champion: 1 image removed, 1 caption changed.",
        "3.png",
        "$4.00",
        evidence.manifest.digest,
        evidence.run.key,
        str(evidence.collected.sha256),
        "job-77",
        "advance_parameters.steps",
        "No. 2 draws the antenna on the wrong side.",
        "clip text",
    ):
        assert words in text


def test_unknown_price_is_said(world: World, evidence: DecisionReport) -> None:
    unknown = Outline(write_page(world.store, dataclasses.replace(evidence, cents=None))).text
    fields = "spending.dollars_per_training and spending.dollars_per_image"
    line = f"Price unknown: to see the cost, set {fields} in "
    assert unknown.count(f"{line}{evidence.run.credentials}.") == 1
    assert "not known" not in unknown
    known = dataclasses.replace(evidence, cents_per_image=1)
    assert "Price unknown" not in write_page(world.store, known)


@pytest.mark.parametrize(("cents", "words"), [(6, "$0.06"), (100, "$1.00"), (0.25, "$0.0025"), (1.5, "$0.015")])
def test_price_of_a_image_is_said(world: World, evidence: DecisionReport, cents: float, words: str) -> None:
    priced = dataclasses.replace(evidence, cents_per_image=cents)
    assert f"A new one costs {words}<" in write_page(world.store, priced)


def test_names_of_changed_images_are_bounded(world: World, evidence: DecisionReport) -> None:
    old = evidence.manifest.model_copy(
        update={
            "items": tuple(
                evidence.manifest.items[0].model_copy(
                    update={"sha256": f"{number:064x}", "file_name": f"{number}.png"}
                )
                for number in range(1000)
            )
        }
    )
    page = write_page(world.store, dataclasses.replace(evidence, champion_manifest=old))
    assert "and 988 more" in page


def test_page_of_weights_that_stay_at_the_provider_has_no_snippet_and_no_pull(
    world: World, evidence: DecisionReport
) -> None:
    collected = evidence.collected.model_copy(update={"weights": None})
    page = write_page(world.store, dataclasses.replace(evidence, collected=collected))
    assert "diffusers" not in page
    assert "tuneloop pull" not in page
    assert "tuneloop generate robot" in page

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.evaluation.evidence import AT, World, key_of
from tests.evaluation.hostile import HOSTILE
from tests.evaluation.test_promotion_page import FEW, Outline
from tuneloop.evaluation.ranking import Contender, rank
from tuneloop.evaluation.reports.comparison_page import (
    ComparedModel,
    ComparisonReport,
    comparison_page_name,
    latest_comparison_page_name,
    write_comparison_in_short,
    write_comparison_page,
)
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import ComparisonRecord
from tuneloop.schemas.training import job_name

TRAINERS = ("short", "long")


def report_of(world: World, champion: Evaluation | None, plan: EvaluationConfig = FEW) -> ComparisonReport:
    """Two trainers of which the second one is better; a third has failed."""
    drawn = [
        world.rendered(name, steps, plan.prompts, plan.seeds)
        for name, steps in zip(TRAINERS, (200, 1000), strict=True)
    ]
    run = world.evidence(drawn[0], None, plan).run
    runs = tuple(run.model_copy(update={"key": key_of(name), "comparison": "trainers"}) for name in TRAINERS)
    ranked = rank([Contender(each, champion) for each in drawn], plan.gate)
    models = [
        ComparedModel(
            what=f"{TRAINERS[one.index]} at segmind.default",
            job=job_name(runs[one.index].key, 1),
            evaluation=drawn[one.index],
            ranked=one,
            cents=400 if one.index else None,
            cents_per_image=5.5,
            training_time=timedelta(minutes=61, seconds=5) if one.index else None,
        )
        for one in ranked
    ]
    record = ComparisonRecord(
        created_at=AT,
        flow_run=run.flow_run,
        name="trainers",
        model="robot",
        runs=runs,
        aspect_ratio="1:1",
        budget_cents=2500,
    )
    failed = [("third at segmind.default", "training x is failed: out of memory")]
    return ComparisonReport(record, models, failed, 3 if champion else None, champion, AT)


@pytest.fixture
def against_champion(world: World) -> ComparisonReport:
    return report_of(world, world.rendered("champion", 600, FEW.prompts, FEW.seeds))


def test_candidates_stand_in_order_with_score_interval_cost_and_time(
    world: World, against_champion: ComparisonReport
) -> None:
    text = " ".join(Outline(write_comparison_page(world.store, against_champion)).text.split())
    assert text.index("1. long at segmind.default") < text.index("2. short at segmind.default")
    best, worst = (model.ranked.whole for model in against_champion.models)
    assert best is not None
    assert worst is not None
    for whole in (best, worst):
        assert f"{whole.challenger:.3f}" in text
    for shown in ("$4.00, and", "at $0.055", "price not known", "1 h 1 min", "not known", "$25.00"):
        assert shown in text
    assert "third at segmind.default: training x is failed: out of memory" in text
    assert "against champion v3" in text


def test_same_image_of_every_candidate_and_of_the_champion_stands_side_by_side(
    world: World, against_champion: ComparisonReport
) -> None:
    outline = Outline(write_comparison_page(world.store, against_champion))
    rows = len(FEW.prompts) * len(FEW.seeds)
    assert len(outline.named("src")) == 3 * rows
    assert len(outline.named("alt")) == 3 * rows
    assert outline.named("alt")[:3] == [
        f"{who}: a photo of ROBOX, seed {FEW.seeds[0]}"
        for who in ("long at segmind.default", "short at segmind.default", "champion v3")
    ]
    assert not any(tag[0] == "script" for tag in outline.tags)


def test_page_without_a_champion_says_with_whom_each_was_compared(world: World) -> None:
    report = report_of(world, None)
    text = Outline(write_comparison_page(world.store, report)).text
    assert "against each other, for there is no champion" in text
    assert "can be promoted; compared with short at segmind.default" in text
    assert "can be promoted; compared with long at segmind.default" in text


def test_texts_from_outside_stay_texts(world: World) -> None:
    report = report_of(world, None)
    for text in HOSTILE:
        object.__setattr__(report, "failed", [(text, text)])
        outline = Outline(write_comparison_page(world.store, report))
        assert not any(tag[0] in {"script", "img onerror"} for tag in outline.tags)
        assert not any(name.startswith("on") for tag in outline.tags for name in tag[1:])
        assert "\n![" not in write_comparison_in_short(report, "page")


def test_page_of_a_name_has_one_address_that_stays(against_champion: ComparisonReport) -> None:
    record = against_champion.record
    assert latest_comparison_page_name(record) == "pages/comparisons/trainers/latest.html"
    assert comparison_page_name(record, 3) == f"pages/comparisons/trainers/{record.flow_run}-vs0003.html"

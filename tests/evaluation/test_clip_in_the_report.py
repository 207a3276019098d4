from __future__ import annotations

from tests.evaluation.evidence import World
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import DecisionReport, write_report
from tuneloop.evaluation.reports.scores import ScoreTable
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig

PLAN = EvaluationConfig(prompts=("a photo of ROBOX",), seeds=(1, 2))


def with_clip(evaluation: Evaluation) -> Evaluation:
    images = tuple(
        item.model_copy(update={"scores": {**item.scores, "clip_text": 0.612, "clip_image": 0.8}})
        for item in evaluation.images
    )
    return evaluation.model_copy(update={"images": images, "clip_model": "ViT-<B>/tag"})


def evidence(world: World, *, clip: bool) -> DecisionReport:
    models = [
        world.rendered(mark, steps, PLAN.prompts, PLAN.seeds) for mark, steps in (("new", 1000), ("old", 300))
    ]
    new, old = map(with_clip, models) if clip else models
    return world.evidence(new, old, PLAN)


def test_scorers_that_did_not_run_are_named_with_the_setting_that_makes_them(world: World) -> None:
    shown = evidence(world, clip=False)
    table = ScoreTable(shown.result.differences, shown.run.plan.gate)
    assert table.not_measured == ["clip_text", "clip_image"]
    page = write_page(world.store, shown)
    missing = page[page.index("Did not run:") :].partition("</p>")[0]
    assert "<b>clip text</b>" in missing
    assert "only where TUNELOOP_CLIP_MODEL names a model" in missing
    assert "The CLIP scores are by" not in page


def test_scorers_that_ran_are_rows_and_their_model_is_named(world: World) -> None:
    shown = evidence(world, clip=True)
    assert {"clip_text", "clip_image"} <= {row.name for row in shown.result.differences}
    page = write_page(world.store, shown)
    assert "Did not run:" not in page
    assert "The CLIP scores are by <bdi>ViT-&lt;B&gt;/tag</bdi>" in page
    assert "0.612" in write_report(world.store, shown)

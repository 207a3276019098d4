from __future__ import annotations

from tests.evaluation.evidence import World
from tests.evaluation.hostile import HOSTILE
from tests.evaluation.overview import overview_of
from tests.evaluation.test_promotion_page import Outline
from tuneloop.evaluation.reports.models_page import Question, write_models_in_short, write_models_page


def test_models_are_shown_with_what_waits_for_an_answer_first(world: World) -> None:
    outline = Outline(write_models_page(world.store, overview_of(2), {"robot-001": "data:image/jpeg;base64,AA"}))
    asked, rest = outline.text.split("All models", 2)[1:]
    assert "4 champions, 3 questions wait for an answer" in outline.text
    for words in (
        "a-tie needs review: Too close to call.",
        "new-one is on hold: the limit",
        "tuneloop review a-tie",
    ):
        assert words in " ".join(asked.split())
    for words in ("put-back v3, for 8 days", "Rolled back six fingers", "Next run 2026-11-30 03:01"):
        assert words in " ".join(rest.split())
    assert "14 trainings, no known prices" in rest
    assert "3 trainings, $12.50" in rest
    assert outline.named("src") == ["data:image/jpeg;base64,AA"]
    links = outline.named("href")
    assert "../models/robot-001/pages/latest.html" in links
    assert any(link and link.startswith("http://127.0.0.1:4200/runs/flow-run/") for link in links)


def test_artifact_says_when_a_text_goes_on_and_ends_a_sentence_before_its_link() -> None:
    overview = overview_of(1)
    tied = next(model for model in overview.models if model.questions)
    asked = Question(
        what="on hold", reason="20 of 20 trainings are used today", address="http://127.0.0.1:4200/runs"
    )
    tied = tied.model_copy(update={"reason": "worse " * 40, "questions": (asked,)})
    short = write_models_in_short(overview.model_copy(update={"models": (tied,)}), "")
    assert "20 of 20 trainings are used today. [Answer](http://127.0.0.1:4200/runs)" in short
    [row] = [line for line in short.splitlines() if line.startswith(f"| {tied.model} |")]
    assert f"{tied.outcome} on 2026-" in row
    assert "worse worse… |" in row


def test_same_data_have_the_same_digest_and_an_older_champion_another_one() -> None:
    overview = overview_of(3)
    assert overview.digest == overview_of(3).digest
    tomorrow = overview.model_copy(update={"day": overview.day.replace(day=30)})
    assert tomorrow.digest != overview.digest
    assert tomorrow.age(overview.models[-1]) == "for 12 days"


def test_images_beyond_the_pages_share_are_left_out_and_all_models_stay(world: World) -> None:
    overview = overview_of(400)
    page = write_models_page(
        world.store, overview, {each.model: "data:," + 3_990 * "A" for each in overview.models}
    )
    assert page.count("<img ") == 300
    assert all(each.model in page for each in overview.models)


def test_hostile_reasons_are_only_text(world: World) -> None:
    overview = overview_of(len(HOSTILE))
    shown = [model for model in overview.models if model.number and model.outcome][: len(HOSTILE)]
    odd = [
        model.model_copy(
            update={"reason": text, "questions": (Question(what="needs review", reason=text, address=None),)}
        )
        for model, text in zip(shown, HOSTILE, strict=True)
    ]
    overview = overview.model_copy(update={"models": tuple(odd)})
    page = write_models_page(world.store, overview, {})
    outline = Outline(page)
    assert outline.text.count("<script>window.hacked = 1</script>") == 4, "two texts, each twice"
    assert not any(tag[0] in {"script", "svg"} for tag in outline.tags)
    short = write_models_in_short(overview, "")
    assert "<script" not in short
    assert "](http://127.0.0.1:1/p.png)" not in short

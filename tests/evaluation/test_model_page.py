from __future__ import annotations

from tests.evaluation.evidence import World, promotions
from tests.evaluation.hostile import HOSTILE
from tests.evaluation.test_promotion_page import FEW, Outline
from tuneloop.evaluation.reports.model_page import ChampionEntry, model_page_name, write_model_page


def test_line_of_champions_is_told_newest_first(world: World) -> None:
    page = write_model_page(world.store, "robot", [ChampionEntry(each) for each in promotions(world.old.digest)])
    text = Outline(page).text
    assert (
        text.index("No. 2 draws the antenna") < text.index("Better with 95% certainty") < text.index("First model")
    )
    assert "Rolled back to v1" in text
    assert "by Mira Lang" in text
    assert world.old.digest[:12] in text


def test_same_images_of_all_champions_stand_side_by_side(world: World) -> None:
    first, second, third = promotions(world.old.digest)
    one, two = (world.rendered(mark, 1000, FEW.prompts, FEW.seeds) for mark in ("one", "two"))
    two = two.model_copy(update={"images": two.images[:1]})
    page = write_model_page(
        world.store, "robot", [ChampionEntry(first, two), ChampionEntry(second), ChampionEntry(third, one)]
    )
    outline = Outline(page)
    assert len(outline.named("src")) == 4 + 1
    assert page.count("not rendered") == 4 + 3
    assert "Champion v1: a photo of ROBOX, seed 1" in outline.named("alt")
    assert not any(tag[0] == "script" for tag in outline.tags)
    assert "script-src" not in page


def test_champion_with_another_trigger_word_shows_its_images_of_the_same_prompts(world: World) -> None:
    first, second, _ = promotions(world.old.digest)
    old = world.rendered("one", 1000, ("a photo of OLDBOT", "OLDBOT on a beach"), FEW.seeds)
    new = world.rendered("two", 1000, ("a photo of ROBOX", "ROBOX on a beach"), FEW.seeds)
    page = write_model_page(world.store, "robot", [ChampionEntry(first, old), ChampionEntry(second, new)])
    assert "not rendered" not in page
    assert "Champion v1: OLDBOT on a beach, seed 1" in Outline(page).named("alt")


def test_report_of_each_champion_is_linked(world: World) -> None:
    first, second, _ = promotions(world.old.digest)
    outline = Outline(write_model_page(world.store, "robot", [ChampionEntry(first), ChampionEntry(second)]))
    assert outline.named("href")[1:] == [f"../../../{each.report}" for each in (second, first)]


def test_model_without_a_champion_has_a_page(world: World) -> None:
    assert "There is none yet." in write_model_page(world.store, "robot", [])


def test_many_champions_keep_the_page_small(world: World) -> None:
    evaluation = world.rendered("one", 1000, FEW.prompts, FEW.seeds)
    line = [
        ChampionEntry(promotions("0" * 64)[0].model_copy(update={"number": number}), evaluation)
        for number in range(1, 101)
    ]
    page = write_model_page(world.store, "robot", line)
    assert len(page) < 1_000_000
    assert "The 88 oldest are left out." in page


def test_text_of_data_stays_text_on_a_model_page(world: World) -> None:
    promotion = promotions(world.old.digest)[0]
    plain = Outline(write_model_page(world.store, "robot", [ChampionEntry(promotion)]))
    for text in HOSTILE:
        hostile = promotion.model_copy(update={"reason": text[:200], "decided_by": text})
        assert Outline(write_model_page(world.store, "robot", [ChampionEntry(hostile)])).tags == plain.tags


def test_pages_are_numbered_as_their_champions() -> None:
    assert model_page_name("robot", 12) == "models/robot/pages/0012.html"

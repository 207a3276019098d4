from __future__ import annotations

import dataclasses
import re

from tests.evaluation.evidence import World
from tests.evaluation.test_promotion_page import FEW, saying
from tuneloop.evaluation.reports.report import page_name, report_name, write_report
from tuneloop.schemas.plan import EvaluationConfig

MANY = EvaluationConfig(prompts=tuple(f"a photo of ROBOX, no. {number}" for number in range(15)), seeds=(1, 2))


def test_page_lies_beside_the_report(world: World) -> None:
    run = world.evidence(world.rendered("challenger", 1000, FEW.prompts, (1,)), None, FEW).run
    assert report_name(run, 3).endswith("-vs0003.md")
    assert page_name(run, 3) == report_name(run, 3).removesuffix(".md") + ".html"


def test_short_report_shows_six_pairs_at_most_those_with_findings_among_them(world: World) -> None:
    challenger = world.rendered("challenger", 1000, MANY.prompts, MANY.seeds)
    images = list(challenger.images)
    for number in (7, 29):
        images[number] = images[number].model_copy(update={"finding": f"blank: number {number}"})
    challenger = challenger.model_copy(update={"images": tuple(images)})
    found = world.evidence(challenger, world.rendered("champion", 300, MANY.prompts, MANY.seeds), MANY)
    report = write_report(world.store, found)
    assert report.count("data:image/jpeg") == 2 * 6
    assert "blank: number 7" in report
    assert "blank: number 29" in report
    assert "The 6 of 30 that tell most" in report
    assert page_name(found.run, 3) in report


def test_short_report_has_every_score_with_its_interval(world: World) -> None:
    champion = world.rendered("champion", 300, FEW.prompts, FEW.seeds)
    found = world.evidence(world.rendered("challenger", 1000, FEW.prompts, FEW.seeds), champion, FEW)
    report = write_report(world.store, found)
    rows = [line for line in report.splitlines() if re.search(r"[+\N{MINUS SIGN}]\d\.\d{3} to ", line)]
    assert len(rows) == len(found.result.differences) == 8
    assert "**score**" in rows[0]
    assert rows[0].endswith("▲ |")


def test_undecided_is_a_word_of_the_short_report(world: World) -> None:
    found = world.evidence(world.rendered("challenger", 1000, FEW.prompts, (1,)), None, FEW)
    undecided = dataclasses.replace(found, result=found.result.model_copy(update={"verdict": "undecided"}))
    report = write_report(world.store, undecided)
    assert report.startswith("# robot: undecided\n")
    assert f"`{found.run.review_command}`" in report


def test_text_of_data_is_no_markdown(world: World) -> None:
    champion = world.rendered("champion", 300, FEW.prompts, FEW.seeds)
    found = world.evidence(world.rendered("challenger", 1000, FEW.prompts, FEW.seeds), champion, FEW)
    hostile = "x | y\n# z ![p](http://127.0.0.1:1/p.png) `c` <b>"
    report = re.sub(r"(?<!\\)`[^`\n]*(?<!\\)`", "", write_report(world.store, saying(found, hostile)))
    assert not re.search(r"(?<!\\)\[p", report)
    assert not re.search(r"(?<!\\)`c", report)
    assert "<b>" not in report
    assert "\n# z" not in report

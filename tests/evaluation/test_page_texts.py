"""Text of data on the page of a promotion: it stays text, and snippets stay Python."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evaluation.evidence import World
from tests.evaluation.hostile import HOSTILE
from tests.evaluation.test_promotion_page import FEW, Outline, saying
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import DecisionReport


@pytest.fixture
def evidence(world: World) -> DecisionReport:
    challenger = world.rendered("challenger", 1000, FEW.prompts, FEW.seeds)
    return world.evidence(challenger, world.rendered("champion", 300, FEW.prompts, FEW.seeds), FEW)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_data_stays_text(world: World, evidence: DecisionReport, text: str) -> None:
    harmless = Outline(write_page(world.store, saying(evidence, "plain")))
    outline = Outline(write_page(world.store, saying(evidence, text)))
    assert {tag for tag, *_ in outline.tags} <= {tag for tag, *_ in harmless.tags} | {"details", "summary"}
    assert not any(attribute.startswith("on") for tag in outline.tags for attribute in tag[1:])
    assert sum(tag[0] == "script" for tag in outline.tags) == 1
    assert not any(href.lower().startswith("javascript") for href in outline.named("href"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'`={}%\\\x00"), min_size=1, max_size=60
    )
)
def test_no_text_makes_a_tag(world: World, evidence: DecisionReport, text: str) -> None:
    page = write_page(world.store, saying(evidence, text))
    page.encode()
    tags = Outline(page).tags
    assert tags == Outline(write_page(world.store, saying(evidence, "plain"))).tags


def test_long_prompt_is_shown_whole_but_not_in_a_heading(world: World, evidence: DecisionReport) -> None:
    page = write_page(world.store, saying(evidence, "word " * 2_000))
    headings = re.findall(r"<h3>(.*?)</h3>", page, re.DOTALL)
    assert max(map(len, headings)) < 400
    assert "The whole prompt" in page


def test_characters_that_no_page_can_hold_are_replaced(world: World, evidence: DecisionReport) -> None:
    # No manifest can hold half a character, a verdict might.
    verdict = evidence.result.model_copy(update={"reason": "c\ud800d"})
    said = dataclasses.replace(saying(evidence, "a\x00b\x1bc"), result=verdict)
    page = write_page(world.store, said)
    assert not set(page) & {"\x00", "\x1b", "\ud800"}
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c" in page
    assert "c?d" in page


@pytest.mark.parametrize("text", [*HOSTILE, "a photo of a robot\n'''\\"])
def test_snippet_for_diffusers_is_python_whatever_a_prompt_holds(
    world: World, evidence: DecisionReport, text: str
) -> None:
    (snippet,) = re.findall(
        r"<pre[^>]*><code>(.*?)</code>", write_page(world.store, saying(evidence, text)), re.DOTALL
    )
    code = html.unescape(snippet)
    compile(code, "snippet", "exec")
    assert 'FluxPipeline.from_pretrained("black-forest-labs/FLUX.1-dev"' in code
    assert 'weight_name="robot.safetensors"' in code

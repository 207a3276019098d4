from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tuneloop.datasets.captions import CaptionRule, count_word, one_line, read_caption, words_of
from tuneloop.schemas.findings import Finding

TEABOT = CaptionRule(trigger_word="TEABOT", instance_prompt="a photo of TEABOT", provider_captions=False)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("TEABOT on a hill", "TEABOT on a hill"),
        ("a robot on a hill", "TEABOT, a robot on a hill"),
        ("the TEABOT's lid", "the TEABOT's lid"),
        ("two TEABOTS", "TEABOT, two TEABOTS"),
        ("a teabot", "TEABOT, a teabot"),
        ("  one\r\n\ttwo  \n", "TEABOT, one two"),
        ("", "a photo of TEABOT"),
        (" \n\t", "a photo of TEABOT"),
    ],
)
def test_caption_is_sent_on_one_line_with_the_trigger_word(written: str, sent: str) -> None:
    assert TEABOT.caption_as_sent(written) == sent


def test_image_without_caption_is_left_to_the_provider_that_captions() -> None:
    rule = TEABOT.model_copy(update={"provider_captions": True})
    assert rule.caption_as_sent("") is None
    assert rule.caption_as_sent("a hill") == "TEABOT, a hill"


def test_instance_prompt_without_the_trigger_word_gets_it() -> None:
    rule = TEABOT.model_copy(update={"instance_prompt": " a robot "})
    assert rule.caption_as_sent("") == "TEABOT, a robot"


def test_nothing_to_say_sends_no_caption() -> None:
    rule = CaptionRule(trigger_word="TEABOT", instance_prompt=None, provider_captions=False)
    assert rule.caption_as_sent(" ") is None


@pytest.mark.parametrize("trigger", [None, "", "  "])
def test_without_trigger_word_the_caption_stays(trigger: str | None) -> None:
    rule = CaptionRule(trigger_word=trigger, instance_prompt=None, provider_captions=False)
    assert rule.caption_as_sent("a hill") == "a hill"


@given(trigger=st.text(), written=st.text())
@example(trigger="c++", written="c++ and more")
@example(trigger="<tea|bot>", written="a <tea|bot>.")
@example(trigger=".*", written="anything")
@example(trigger="TÉ\u0301茶", written="ein TÉ\u0301茶 hier")
@example(trigger="a  b", written="x a b")
@example(trigger="\u0301", written="e\u0301")
def test_rule_is_idempotent_and_keeps_the_text(trigger: str, written: str) -> None:
    rule = CaptionRule(trigger_word=trigger, instance_prompt=None, provider_captions=True)
    sent = rule.caption_as_sent(written)
    if sent is None:
        assert not words_of(written)
        return
    assert rule.caption_as_sent(sent) == sent
    assert one_line(trigger) in sent
    assert sent.endswith(one_line(written))
    assert sent.split() == sent.split(" ")


def test_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(codecs.BOM_UTF8 + "Tee für zwei".encode())
    assert read_caption(file, "a.txt") == "Tee für zwei"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("latin-1", "is not UTF-8 (byte 6)"),
        ("utf-16", "is UTF-16 or UTF-32"),
        ("utf-16-be", "is not UTF-8 (byte 12)"),
        ("utf-32", "is UTF-16 or UTF-32"),
    ],
)
def test_caption_that_is_not_utf8_is_refused_by_name(tmp_path: Path, encoding: str, said: str) -> None:
    (tmp_path / "a.txt").write_bytes("Tee für zwei".encode(encoding))
    found = read_caption(tmp_path / "a.txt", "tea/a.txt")
    assert isinstance(found, Finding)
    assert found.sentence == f"tea/a.txt: {said}; save it again as UTF-8 text"


def test_caption_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    found = read_caption(tmp_path / "a.txt", "a.txt")
    assert isinstance(found, Finding)
    assert found.sentence == "a.txt: cannot be read (No such file or directory); make it readable or remove it"


@pytest.mark.parametrize(
    ("word", "times"), [("ROBOX", 2), ("robox", 0), ("<tea>", 1), ("ROBOX and", 1), ("ROBO", 0)]
)
def test_trigger_words_are_counted_where_they_stand_alone(word: str, times: int) -> None:
    assert count_word(word, "ROBOX and two ROBOXES <tea> ROBOX.") == times


@pytest.mark.parametrize(
    "written",
    [
        ",",
        ", , ,",
        "-",
        "...",
        "\u200b",
        "\ufeff\ufeff",
        "\u00ad",
        "\u3164",
        "\u2800",
        "\u2060 ,\n",
        "nan",
        "None",
        "null",
    ],
)
def test_caption_without_words_is_none(written: str) -> None:
    rule = CaptionRule(trigger_word="TOK", instance_prompt="a robot", provider_captions=False)
    assert rule.caption_as_sent(written) == "TOK, a robot"
    assert rule.model_copy(update={"provider_captions": True}).caption_as_sent(written) is None


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("\ufeffa cup\u200b", "TOK, a cup"),
        ("7", "TOK, 7"),
        ("☃", "TOK, ☃"),
        ("🏴\U000e0067\U000e0062\U000e007f", "TOK, 🏴\U000e0067\U000e0062\U000e007f"),
        ("क\u200dष", "TOK, क\u200dष"),
        ("茶", "TOK, 茶"),
        ("nan bread", "TOK, nan bread"),
        ("none", "TOK, none"),
    ],
)
def test_words_of_any_script_are_a_caption(written: str, sent: str) -> None:
    rule = CaptionRule(trigger_word="TOK", instance_prompt="a robot", provider_captions=False)
    assert rule.caption_as_sent(written) == sent
    assert rule.caption_as_sent(sent) == sent

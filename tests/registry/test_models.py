"""What `tuneloop models` shows."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.registry.conftest import Champion, promotion_of, run_of
from tests.registry.test_rollback import win
from tuneloop.cli.show_models import show_models
from tuneloop.errors import ConfigurationError, CorruptRecord, StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.models import champion_history, get_version, save_model_page, summaries
from tuneloop.registry.promotions import Registry
from tuneloop.registry.rollback import roll_back
from tuneloop.schemas.evaluation import GateResult
from tuneloop.storage.local import LocalDirectory

WHO = "a person"


def shown(ledger: Ledger, model: str | None = None, width: int = 80) -> str:
    screen = io.StringIO()
    show_models(ledger, model, Console(file=screen, width=width, force_terminal=True, color_system=None))
    return screen.getvalue()


def test_every_model_is_listed_with_its_champion(ledger: Ledger, champion: Champion) -> None:
    win(ledger, run_of("a")), win(ledger, run_of("b"))
    champion("c", "hare", sha256="5" * 64, weights="weights/c/lora.safetensors")
    roll_back(ledger, "robot", 1, "six fingers", WHO)
    hare, robot = summaries(ledger)
    assert (hare.model, hare.number, hare.sha256, hare.versions_evaluated) == ("hare", 1, "5" * 64, 0)
    assert (robot.number, robot.rolled_back_to, robot.reason, robot.versions_evaluated) == (3, 1, "six fingers", 2)
    assert robot.job == f"{'a' * 16}-g1"
    text = shown(ledger, width=200)
    assert "rolled back to v1: six fingers" in text
    assert "versions evaluated: 2" in text
    assert "555555555555" in text
    assert "at the provider" in text


def test_model_without_a_champion_is_listed_too(ledger: Ledger) -> None:
    ledger.store.create("models/hare/reports/r.md", b"report")
    (hare,) = summaries(ledger)
    assert (hare.number, hare.reason) == (None, "no champion yet")
    with pytest.raises(ConfigurationError, match="hare has no champion yet"):
        champion_history(ledger, "hare")


def test_what_somebody_else_has_put_beside_the_models_is_none(ledger: Ledger) -> None:
    ledger.store.create("models/notes.txt", b"ours")
    ledger.store.create("models/Not.A.Model/notes.txt", b"ours")
    assert summaries(ledger) == []


def test_open_question_stands_below_the_champions_with_the_command_that_answers_it(ledger: Ledger) -> None:
    win(ledger, run_of("a"))
    run, unsure = run_of("b"), GateResult(verdict="undecided", reason="Too close.", rule="a rule", scores={})
    ledger.save_run(run)
    assert Registry(ledger).record(run, unsure, number=1, against=1, report="models/robot/reports/b.html")
    text = " ".join(shown(ledger, "robot").split())
    assert f"Undecided: {'b' * 16}-g1 (run {run.flow_run}). Too close." in text
    assert re.search(r"Decide with `tuneloop review robot`\. Report: \S+:\S+/robot/reports/b\.html", text)


def test_model_that_cannot_be_read_does_not_hide_the_others(ledger: Ledger, champion: Champion) -> None:
    champion("a", "hare")
    assert ledger.write_promotion(promotion_of("b", "robot", 2))
    document, readable = show_models(ledger, None, Console(file=io.StringIO()))
    assert not readable
    hare, robot = document["models"]
    assert (hare["readable"], robot["readable"]) == (True, False)
    assert "has a gap at models/robot/promotions/0001.json" in robot["reason"]
    with pytest.raises(CorruptRecord):
        show_models(ledger, "robot", Console(file=io.StringIO()))


def test_line_of_champions_is_shown_newest_first_with_what_one_asks_of_it(
    ledger: Ledger, champion: Champion
) -> None:
    champion("a", reason="[bold]first[/bold]"), champion("b")
    roll_back(ledger, "robot", 1, "six fingers", WHO)
    document, _ = show_models(ledger, "robot", Console(file=io.StringIO()))
    assert [item["number"] for item in document["champions"]] == [3, 2, 1]
    text = shown(ledger, "robot", width=200)
    assert text.index("rolled back to v1") < text.index("b is better") < text.index("[bold]first[/bold]")
    for wanted in (
        "reason: six fingers",
        f"decided by: {WHO}",
        "report: models/robot/reports/a.md",
        "decision: m",
    ):
        assert wanted in text


@pytest.mark.parametrize("model", [None, "robot"])
def test_tables_fit_into_eighty_columns_and_lose_nothing(
    ledger: Ledger, champion: Champion, model: str | None
) -> None:
    champion("a", reason="because " * 40 + "END", sha256="5" * 64)
    long = "a-name-of-sixty-three-characters-is-what-fits-and-is-the-longest"[:63]
    champion("b", long)
    text = shown(ledger, model)
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in text.splitlines())
    squeezed = "".join(word for word in text.split() if word not in "│┃")
    for wanted in (
        "END",
        "a" * 12,
        "5" * 12,
        *([long[:20], long[20:40], long[40:60]] if model is None else ["reports/a.md"]),
    ):
        assert wanted in squeezed, wanted


def test_store_without_models_says_so(ledger: Ledger) -> None:
    assert "There are no models in" in shown(ledger)
    with pytest.raises(ConfigurationError, match="has no model robot: it has no models; check the name"):
        get_version(ledger, "robot")


def test_champion_is_the_highest_number(ledger: Ledger, champion: Champion) -> None:
    for letter in "abcabcabcab":
        champion(letter)
    assert get_version(ledger, "robot").number == 11
    assert get_version(ledger, "robot", 3).key[0] == "c"
    assert len(champion_history(ledger, "robot")) == 11


def test_page_of_a_model_has_an_address_that_stays_and_shows_the_champion_of_now(
    ledger: Ledger, champion: Champion
) -> None:
    champion("a", reason="First.")
    latest = save_model_page(ledger, "robot")
    champion("b", reason="Sharper.")
    assert save_model_page(ledger, "robot") == latest == "models/robot/pages/latest.html"
    page = ledger.store.read(latest)
    assert b"Sharper." in page
    assert page == ledger.store.read("models/robot/pages/0002.html")
    assert b"Sharper." not in ledger.store.read("models/robot/pages/0001.html")


class _WriteOnce(LocalDirectory):
    """Its operator lets nothing be written twice, as a policy of a bucket can."""

    def rewrite(self, name: str, data: bytes) -> None:
        raise StoreError(f"{name} is not allowed ({len(data)} bytes)")


def test_page_of_a_model_is_written_also_where_nothing_may_be_written_twice(tmp_path: Path) -> None:
    ledger = Ledger(_WriteOnce(tmp_path))
    assert ledger.write_promotion(promotion_of("a", "robot", 1))
    assert save_model_page(ledger, "robot") == "models/robot/pages/0001.html"
    assert b"a is better" in ledger.store.read("models/robot/pages/0001.html")

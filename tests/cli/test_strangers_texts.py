"""Texts of providers, files and people in a terminal and on a run's page: shown, and never obeyed."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from rich.markdown import Markdown

from tuneloop.cli.account_status import show_untracked
from tuneloop.cli.plan import show_plan
from tuneloop.cli.show_models import overview, show_history
from tuneloop.cli.store_status import show_in_flight
from tuneloop.cli.terminal import say, shown
from tuneloop.operations.plan import RunPlan
from tuneloop.operations.status import OpenTraining
from tuneloop.orchestration.run_plan import plan_markdown
from tuneloop.registry.models import ModelSummary
from tuneloop.schemas.dataset import DatasetDifference
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.shown_text import in_markdown, visible
from tuneloop.schemas.training import Account, JobStatus

HOSTILE = (
    "[/]",
    "[/x]",
    "[bold",
    "[link=https://evil.example]AVAILABLE[/link]",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x08\x08\x08 no",
    "\u202ereversed",
    "a\rb",
    ":smile: [red]x[/red]",
    "![p](http://127.0.0.1:1/p.png) `c` | d <img src=x onerror=x>",
)
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printed(*things: object) -> str:
    """What a terminal would be sent, without the console's own colors."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=300)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    sent = console.file.getvalue()
    assert "]8;" not in sent, "a link"
    return re.sub(r"\x1b\[[0-9;]*m", "", sent)


@pytest.mark.parametrize("text", HOSTILE)
def test_status_shows_states_reasons_and_a_providers_word_as_they_are(text: str) -> None:
    story = OpenTraining(
        model="robot", job=text, account=text, state="held", since=datetime.now(UTC), flow_run=text, note=text
    )
    console = Console(file=io.StringIO(), width=300)
    job = JobStatus(job_id=text, name="0123456789abcdef-g1", provider_status=text, phase="running")
    show_untracked("segmind-credentials/x", [job], console)
    assert isinstance(console.file, io.StringIO)
    untracked = console.file.getvalue()
    show_in_flight(console, [story], {text: text})
    for sent in (untracked, console.file.getvalue().removeprefix(untracked)):
        assert not _OBEYED.search(sent)
        assert visible(text)[:4] in sent


def test_status_names_runs_and_jobs_whole_in_eighty_columns() -> None:
    run, job = "fda50e0c-d9b7-4d36-8a92-35f28eea936c", "0123456789abcdef-g1"
    story = OpenTraining(
        model="sample-robot", job=job, account="segmind.default", state="held",
        since=datetime(2026, 11, 28, tzinfo=UTC), flow_run=run, note="the limit has been reached, and " * 5,
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    show_in_flight(console, [story], {run: "AwaitingConcurrencySlot"})
    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()][:4] == [
        "In flight",
        "sample-robot: held since 2026-11-28 00:00 UTC",
        f"  job {job} of segmind.default",
        f"  run {run}, in Prefect: AwaitingConcurrencySlot",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_models_and_errors_are_shown_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    summary = ModelSummary.model_construct(
        model=text, job=None, number=1, since=None, reason=text, dataset_digest=None, sha256=None,
        rolled_back_to=None, readable=False, versions_evaluated=0,
    )  # fmt: skip
    known: dict[str, Any] = {"number": 1, "created_at": datetime.now(UTC), "rolled_back_to": None, "attempt": 1}
    known |= dict.fromkeys(("key", "dataset_digest"), "0" * 64) | {"sha256": None}
    known |= dict.fromkeys(("reason", "decided_by", "job_id", "report", "decision"), text)
    promotion = Promotion.model_construct(account=Account(provider="segmind", label="default"), **known)
    console = Console(file=io.StringIO(), width=300)
    show_history(console, text, [promotion])
    assert isinstance(console.file, io.StringIO)
    sent = printed(overview([summary]), shown(text))
    assert not _OBEYED.search(sent + console.file.getvalue())
    say(f"tuneloop: {text}\nand more", err=True)
    said = capsys.readouterr().err
    assert not _OBEYED.search(said)
    assert said.endswith("\nand more\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_plan_is_neither_markup_nor_html_nor_obeyed(text: str) -> None:
    plan = RunPlan(
        model="robot", action="train", summary=text, reasons=(text,), job="j", key="0" * 64, images=1,
        difference=DatasetDifference.model_construct(added=(text,), removed=(text,), captions_changed=(text,)),
        cents=None, price_basis=text, renders=1, cents_per_image=None, budget=text, credentials=text,
    )  # fmt: skip
    page = plan_markdown(plan)
    assert not _OBEYED.search(page.replace("\n", ""))
    assert "<img" not in page
    assert not re.search(r"(?<!\\)!\[|(?<!\\)\]\(|(?<!\\)`", page)
    assert not _OBEYED.search(printed(Markdown(page)))
    console = Console(file=io.StringIO(), width=300)
    show_plan(plan, console)
    assert isinstance(console.file, io.StringIO)
    assert not _OBEYED.search(console.file.getvalue())


@pytest.mark.parametrize("text", [*HOSTILE, "plain", "R&D <3", "&lt;b&gt;"])
def test_escaped_text_reads_the_same_once_it_is_shown(text: str) -> None:
    console = Console(file=io.StringIO(), width=300)
    console.print(Markdown(in_markdown(text)))
    assert isinstance(console.file, io.StringIO)
    assert " ".join(console.file.getvalue().split()) == " ".join(visible(" ".join(text.split())).split())

"""Two trainers side by side: paid once each, ranked on one page, and one of them promoted by a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client

from blocks.bfl_credentials import BflCredentials
from tests.flows.bill import Bill
from tests.flows.runs import RENDER, here, look, process_of, start, tags_of, tick, wait_for
from tests.flows.test_bad_input import records
from tests.flows.test_commands import EVERYTHING, tuneloop
from tests.flows.test_held import answer, question_of
from tests.flows.test_salvage import continuing, end_as
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.schemas.records import Submitted

pytestmark = pytest.mark.long  # whole comparisons

TRAINERS = ("flux-lora", "bfl-finetune")
BFL_SUBMIT = "/v1/finetune"
BFL_LIST = "/v1/my_finetunes"


def file_of(comparison: dict[str, Any], folder: Path) -> Path:
    path = folder / "comparison.yaml"
    path.write_text(yaml.safe_dump(comparison))
    return path


def shown_to_choose(ledger: Ledger, comparison: str, run: UUID, names: list[str]) -> list[str]:
    """The options of the form, which are the candidates that the page shows, and none of them."""
    page = ledger.store.read(f"pages/comparisons/{comparison}/latest.html").decode()
    for shown in (*names, "1. ", "2. ", "$4.00", "interval"):
        assert shown in page
    options: list[str] = question_of(run)[1]["properties"]["decision"]["enum"]
    assert [option.split(",")[0] for option in sorted(options)] == [
        "none: promote none of them",
        *sorted(f"promote {name}" for name in names),
    ]
    return options


def ask_as_another_version(run: UUID) -> None:
    """Let the form offer the candidates in other words, as one does that an older version has made."""
    keys = look(run).state_details.run_input_keyset
    assert keys is not None
    with get_client(sync_client=True) as client:
        shown = client.read_flow_run_input(run, keys["schema"])
        client.delete_flow_run_input(run, keys["schema"])
        client.create_flow_run_input(run, keys["schema"], shown.replace("promote ", "choose "))


def killed_between_the_submits(
    stack: Stack, file: Path, emulator: EmulatorControl, bfl: EmulatorControl, paid_elsewhere: Bill
) -> UUID:
    """A comparison whose first training goes on and on, and whose run died before it could pay the second."""
    emulator.progress(Progress.after_seconds(3600))
    bfl.inject(Fault("slow", BFL_LIST, delay_s=300))
    started = tuneloop(stack, "compare", str(file), "--no-watch", "--json")
    assert started.returncode == 0, started.stderr
    run = UUID(json.loads(started.stdout)["run"])
    wait_until("the second trainer is about to be paid", lambda: BFL_LIST in paid_elsewhere.paths)
    process_of(stack, run).kill()
    wait_for(run, "Crashed")
    bfl.clear_faults()
    return run


def continued_until_it_pays_the_second(stack: Stack, killed: UUID, paid_elsewhere: Bill) -> UUID:
    """The run that goes on with a killed comparison, and asks before it pays the second trainer."""
    wait_until("another run goes on", lambda: tick(stack.store_slug) and continuing(killed))
    (other,) = continuing(killed)
    # It does not wait for the end of the first training.
    assert "On hold" in (question_of(other)[0].message or "")
    assert paid_elsewhere.trainings == []
    answer(other, "approve: submit it", "both are wanted")
    wait_until("the second trainer is paid", lambda: paid_elsewhere.trainings, seen=lambda: look(other))
    return other


def asks_to_choose(stack: Stack, run: UUID) -> bool:
    """Let the sensor look, and tell whether a run asks which candidate is promoted."""
    tick(stack.store_slug)
    return look(run).name == "Suspended" and "choice required" in (look(run).message or "")


@pytest.mark.usefixtures("alone")
def test_comparison_that_was_killed_pays_each_trainer_once_and_a_person_chooses(
    stack: Stack,
    comparison: dict[str, Any],
    ledger: Ledger,
    bill: Bill,
    emulator: EmulatorControl,
    bfl: EmulatorControl,
    tmp_path: Path,
) -> None:
    paid_elsewhere = Bill(bfl)
    nothing_left = SpendingGuard(trainings_per_day=0)
    BflCredentials(api_key=bfl.api_key, base_url=bfl.url, spending=nothing_left).save("elsewhere", overwrite=True)
    run = killed_between_the_submits(stack, file_of(comparison, tmp_path), emulator, bfl, paid_elsewhere)
    assert (len(bill.trainings), paid_elsewhere.trainings) == (1, [])

    other = continued_until_it_pays_the_second(stack, run, paid_elsewhere)
    emulator.progress(Progress.at_once())
    wait_until("the candidates are ranked", lambda: asks_to_choose(stack, other), seen=lambda: look(other))
    record = ledger.comparison(str(run))
    assert record is not None
    ends = [[type(step) for step in ledger.history(each.key)].count(Submitted) for each in record.runs]
    assert (len(bill.trainings), len(paid_elsewhere.trainings), ends) == (1, 1, [1, 1])
    assert ledger.champion(comparison["model"]) is None

    names = [f"{trainer} at {each.account.slug}" for trainer, each in zip(TRAINERS, record.runs, strict=True)]
    options = shown_to_choose(ledger, comparison["name"], other, names)
    tick(stack.store_slug)
    assert look(other).name == "Suspended"
    images = bill.images + paid_elsewhere.images
    ask_as_another_version(other)
    chosen = next(option for option in options if "bfl" in option)
    answer(other, chosen.replace("promote ", "choose "), "livelier")
    assert f"Promoted {names[1]}" in (wait_for(other, "Completed").message or "")

    champion = ledger.champion(comparison["model"])
    assert champion is not None
    assert (champion.number, champion.account.provider, champion.reason) == (1, "bfl", "livelier")
    assert not any(ledger.is_marked(each) for each in record.runs)
    assert "Answered: promote the challenger" in ledger.store.read(champion.report or "").decode()
    assert (images, bill.images + paid_elsewhere.images) == (4, 4)
    assert len(bill.trainings) + len(paid_elsewhere.trainings) == 2


@pytest.mark.usefixtures("alone")
def test_command_shows_every_price_and_refuses_what_exceeds_the_budget_before_anything_is_sent(
    stack: Stack, comparison: dict[str, Any], ledger: Ledger, bill: Bill, tmp_path: Path
) -> None:
    before = records(ledger, *EVERYTHING)
    file = file_of(comparison, tmp_path)
    done = tuneloop(stack, "compare", str(file), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    first, second = plan["costs"]
    assert (first["training_cents"], first["images"], first["cents_per_image"]) == (400, 2, 5)
    assert (second["training_cents"], second["cents_per_image"]) == (400, 6)
    assert plan["cents"] == 400 + 400 + 2 * 5 + 2 * 6
    shown = tuneloop(stack, "compare", str(file), "--dry-run").stdout
    assert "$8.22 of $50.00" in shown

    refused = tuneloop(stack, "compare", str(file_of({**comparison, "budget": 7}, tmp_path)))
    assert (refused.returncode, "Nothing was paid" in refused.stderr) == (1, True)
    unpriced = {**comparison["recipes"][0], "credentials": stack.credentials_slug}
    nameless = {**comparison, "recipes": [unpriced, comparison["recipes"][1]]}
    refused = tuneloop(stack, "compare", str(file_of(nameless, tmp_path)))
    assert refused.returncode == 2
    assert f"set spending.dollars_per_training and spending.dollars_per_image in {stack.credentials_slug}" in (
        " ".join(refused.stderr.split())
    )
    twice = {**comparison, "recipes": [comparison["recipes"][0]] * 2}
    refused = tuneloop(stack, "compare", str(file_of(twice, tmp_path)))
    assert (refused.returncode, "two of them are the same training" in refused.stderr) == (2, True)
    refused = tuneloop(stack, "compare", str(file_of({**comparison, "bugdet": 7}, tmp_path)))
    assert (refused.returncode, "bugdet" in refused.stderr) == (2, True)
    assert (bill.paths, records(ledger, *EVERYTHING)) == ([], before)


@pytest.mark.usefixtures("alone")
def test_candidates_are_compared_with_the_champion_which_stays_where_a_person_wants_none_of_them(
    stack: Stack,
    comparison: dict[str, Any],
    ledger: Ledger,
    bill: Bill,
    emulator: EmulatorControl,
    bfl: EmulatorControl,
    wish: dict[str, Any],
) -> None:
    first, refused = comparison["recipes"]
    assert here({**wish, **first}).name == "Completed"
    bfl.inject(Fault("refuse", BFL_SUBMIT, "POST", status=402))
    emulator.inject(Fault("refuse", RENDER, "POST", status=406, reason="parameter", times=2))
    changes: tuple[dict[str, Any], ...] = ({"advance_parameters": {"steps": 400}}, {"trainer": "qwen-lora"})
    blank, other = ({**first, "recipe": {**first["recipe"], **change}} for change in changes)
    run = start({**comparison, "recipes": [blank, first, other, refused]}, "compare-trainers/compare")
    wait_for(run, "Suspended")
    question = question_of(run)[1]["properties"]["decision"]["enum"]
    assert "needs-review" in tags_of(run)
    record = ledger.comparison(str(run))
    assert record is not None
    page = ledger.store.read(f"pages/comparisons/{comparison['name']}/latest.html").decode()
    shown = (
        "segmind.priced (default steps)",
        "segmind.priced (steps 400)",
        "against champion v1",
        "is the champion; compared with",
        "cannot be promoted",
        "Not compared",
        "is rejected",
    )
    for words in shown:
        assert words in page
    assert [option.split(",")[0] for option in question] == [
        f"promote qwen-lora at {record.runs[2].account.slug}",
        "none: promote none of them",
    ]
    # Nobody is woken for those that nobody is asked about.
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    answer(run, "none: promote none of them", "worse hands")
    assert "Not promoted: worse hands" in (wait_for(run, "Completed").message or "")
    verdicts = [[each.verdict for each in ledger.decisions(candidate)] for candidate in record.runs]
    assert verdicts[0] == ["reject"]
    assert verdicts[2:] == [["undecided", "reject"], []]
    champion = ledger.champion(comparison["model"])
    assert champion is not None
    assert (champion.number, champion.key) == (1, record.runs[1].key)
    assert not any(ledger.is_marked(candidate) for candidate in record.runs)
    assert len(bill.trainings) == 3


def test_cancelled_comparison_collects_what_was_paid_and_ranks_nothing(
    stack: Stack, comparison: dict[str, Any], ledger: Ledger, bill: Bill, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    run = start(comparison, "compare-trainers/compare")
    wait_for(run, "Suspended")
    # The other candidate is rendered: until the first one is there, nobody is woken for it.
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    end_as(run, "cancelled")
    emulator.progress(Progress.at_once())
    wait_until("another run winds it up", lambda: tick(stack.store_slug) and continuing(run))
    (other,) = continuing(run)
    wait_for(other, "Completed")
    record = ledger.comparison(str(run))
    assert record is not None
    assert [ledger.history(each.key)[-1].state for each in record.runs] == ["collected", "collected"]
    assert not any(ledger.is_marked(each) for each in record.runs)
    assert (bill.images, list(ledger.store.names(f"pages/comparisons/{comparison['name']}/"))) == (0, [])

"""The steps of `docs/bad-days.md`, followed to the provider's bill."""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from blocks.fal_credentials import FalCredentials
from flows.adopt_model import adopt_model
from tests.conftest import draw_images
from tests.contract.conftest import RECIPES
from tests.flows.bill import Bill
from tests.flows.runs import here, tick
from tests.flows.shop import Shop
from tests.flows.test_stores import is_emptied
from tests.forge.modules import QUICK_PYTHON
from tests.waiting import LIMIT_S, wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.errors import StoreError
from tuneloop.ledger.budget import Budget
from tuneloop.orchestration.stores import init_store
from tuneloop.schemas.records import Decision, Promotion
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.identity import identity_of
from tuneloop.storage.local import LocalDirectory

PAGE = Path(__file__).parent.parent.parent / "docs" / "bad-days.md"
COPIERS = {"cp", "aws"}

pytestmark = pytest.mark.usefixtures("alone")
Done = subprocess.CompletedProcess[str]


class Reader:
    """Somebody who follows a section of the page, command by command, in their own places.

    Args:
        section: Its heading.
        stack: The installation.
        places: What stands there instead of some words of the page.
        folder: Where the commands are run; default: the current one.
        copier: The one of the programs that copy a store which they use.
        environment: Variables that they have set.
    """

    def __init__(
        self,
        section: str,
        stack: Stack,
        places: dict[str, object],
        folder: Path | None = None,
        *,
        copier: str = "cp",
        environment: dict[str, str] | None = None,
    ) -> None:
        text = PAGE.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
        for theirs, own in places.items():
            assert theirs in text, f"{section}: {theirs} is not on the page"
            text = text.replace(theirs, str(own))
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        lines = [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]
        self._left = [words for words in lines if words[0] not in COPIERS - {copier}]
        self._environment = environment or {}
        self._stack, self._folder = stack, folder

    def next(self) -> Done:
        """Run the next command of the section."""
        return self.run(*self._left.pop(0))

    def run(self, program: str, *arguments: str) -> Done:
        """Run a command as the page's are."""
        words = (
            [self._stack.folder / QUICK_PYTHON, "-m", "tuneloop.cli.app"] if program == "tuneloop" else [program]
        )
        return subprocess.run(
            [*words, *arguments],
            env={**self._stack.processes.environment, "COLUMNS": "200", **self._environment},
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )

    def is_done(self) -> bool:
        return not self._left


def champion_of(shop: Shop) -> Promotion:
    champion = shop.ledger.champion(shop.wish["model"])
    assert champion is not None
    return champion


def reserved_today(shop: Shop) -> int:
    account = champion_of(shop).account
    return Budget(shop.ledger, account, SpendingLimits()).spending(now().date()).trainings_today


def others(shop: Shop, folder: Path, shade: int) -> dict[str, Any]:
    """What a run wants after the images have changed."""
    return {**shop.wish, "dataset": str(draw_images(folder, 4, shade=shade))}


def trained_meanwhile(wish: dict[str, Any], provider: EmulatorControl, bill: Bill, deed: Any) -> None:
    """Train, and do something while the training is in progress at the provider."""
    provider.progress(Progress.after_seconds(3600))
    paid = len(bill.trainings)

    def person() -> None:
        try:
            wait_until("the training is paid for", lambda: len(bill.trainings) > paid)
            deed()
        finally:
            provider.progress(Progress.at_once())

    thread = threading.Thread(target=person)
    thread.start()
    state = here(wish)
    thread.join()
    assert state.name == "Completed", state.message


def test_restored_store_pays_for_nothing_that_was_trained_since_the_backup(
    shop: Shop, stack: Stack, emulator: EmulatorControl, bill: Bill, tmp_path: Path
) -> None:
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    backup.mkdir()
    restored.mkdir()
    assert here(shop.wish).name == "Completed"
    second, third = others(shop, tmp_path / "second", 21), others(shop, tmp_path / "third", 42)
    reader = Reader("Backing up a store", stack, {"/srv/loras": shop.folder, "/backup/loras": backup})
    trained_meanwhile(second, emulator, bill, reader.next)
    assert reader.is_done()
    assert here(third).name == "Completed"
    before, identity = champion_of(shop), identity_of(LocalDirectory(shop.folder))
    assert (before.number, len(bill.trainings), bill.images) == (3, 3, 3)
    assert reserved_today(shop) == 3

    is_emptied(shop)
    own = {"/backup/loras": backup, "/srv/restored": restored, "s3-bucket/loras": shop.store}
    reader = Reader("Restoring a store", stack, own)
    assert reader.next().returncode == 0
    shop.is_at(restored)
    status = reader.next().stdout
    assert f"Not tracked: {shop.credentials} has {before.key[:16]}-g1" in " ".join(status.split())
    assert reader.is_done()
    assert identity_of(LocalDirectory(restored)) == identity

    for wish in (second, third):
        state = here(wish)
        assert state.name == "Completed", state.message
    after = Shop(shop.name, restored, shop.wish)
    assert reserved_today(after) == 2, "what was reserved since the backup is forgotten"
    assert champion_of(after).job_id == before.job_id
    assert champion_of(after).sha256 == before.sha256
    assert (len(bill.trainings), bill.images) == (3, 5)
    # The run of the second training was in progress in the backup, and is over.
    assert not tick(shop.store).is_failed()
    assert list(after.ledger.markers()) == []


def test_lost_store_is_replaced_by_a_person_only_and_pays_for_no_training_that_the_provider_lists(
    shop: Shop, stack: Stack, bill: Bill
) -> None:
    assert here(shop.wish).name == "Completed"
    before, lost = champion_of(shop), identity_of(LocalDirectory(shop.folder)).store_id
    is_emptied(shop)
    with pytest.raises(StoreError):
        init_store(shop.store)
    reader = Reader("A lost bucket", stack, {"s3-bucket/loras": shop.store})
    assert f"{shop.store}: made store" in reader.next().stdout
    assert identity_of(LocalDirectory(shop.folder)).store_id != lost
    assert f"Not tracked: {shop.credentials} has {before.key[:16]}-g1" in " ".join(reader.next().stdout.split())
    assert reader.is_done()
    state = here(shop.wish)
    assert state.name == "Completed", state.message
    assert (champion_of(shop).job_id, champion_of(shop).sha256) == (before.job_id, before.sha256)
    assert (len(bill.trainings), bill.images) == (1, 2)


def test_older_champion_of_a_lost_store_is_adopted_from_the_provider_unpaid(
    shop: Shop, bill: Bill, tmp_path: Path
) -> None:
    for wish in (shop.wish, others(shop, tmp_path / "second", 21)):
        assert here(wish).name == "Completed"
    older, youngest = shop.ledger.promotions(shop.wish["model"])
    is_emptied(shop)
    init_store(shop.store, replace=True)
    assert here(wish).name == "Completed"
    bill.clear()
    adopted = {name: shop.wish[name] for name in ("model", "evaluation", "store", "credentials")}
    state: State[Any] = adopt_model(job_id=older.job_id, trigger_word="ROBOX", **adopted, return_state=True)
    assert state.name == "Completed", state.message
    first, second = shop.ledger.promotions(shop.wish["model"])
    assert [(each.job_id, each.sha256) for each in (first, second)] == [
        (each.job_id, each.sha256) for each in (youngest, older)
    ]
    assert (bill.trainings, bill.images) == ([], 1)


@pytest.mark.long  # four runs and a provider of its own
def test_champions_of_a_provider_that_has_closed_are_compared_and_pulled(
    shop: Shop, stack: Stack, bill: Bill, tmp_path: Path
) -> None:
    closing: dict[str, Any] = {"recipe": {"trainer": "fal-flux-lora", **RECIPES["fal-flux-lora"]}}
    closing["credentials"] = f"fal-credentials/{shop.name}"
    second, third = others(shop, tmp_path / "second", 21), others(shop, tmp_path / "third", 42)
    with running_emulator("fal", tmp_path / "fal", progress=Progress.at_once()) as control:
        FalCredentials(api_key=control.api_key, base_url=control.url).save(shop.name, overwrite=True)
        there = Bill(control)
        assert here({**shop.wish, **closing}).name == "Completed"
        retire = lambda: control.switch(retired=["fal-ai/flux-lora-fast-training"])  # noqa: E731
        trained_meanwhile({**second, **closing}, control, there, retire)
        refused = here({**third, **closing})
        assert (refused.name, "takes no new trainings" in (refused.message or "")) == ("Failed", True)
        assert len(there.trainings) == 2
    FalCredentials.delete(shop.name)
    champion = champion_of(shop)
    assert (champion.number, champion.account.provider) == (2, "fal")

    state = here(third)
    assert state.name == "Completed", state.message
    assert (champion_of(shop).number, champion_of(shop).account.provider) == (3, "segmind")
    assert (len(bill.trainings), bill.images) == (1, 1)
    decision = shop.ledger.read_record(champion_of(shop).decision, Decision)
    assert all(each.champion is not None for each in decision.differences)
    file = tmp_path / "robot.safetensors"
    own = {"robot-v1.safetensors": file, " robot ": f" {shop.wish['model']} ", "s3-bucket/loras": shop.store}
    reader = Reader("A provider that closes", stack, own)
    assert "fal" in reader.next().stdout
    assert reader.next().returncode == 0
    assert reader.is_done()
    assert file.stat().st_size == shop.ledger.promotion(shop.wish["model"], 1).size_bytes
    back = ["--version", "1", "--reason", "it was better", "--store", shop.store]
    assert reader.run("tuneloop", "rollback", shop.wish["model"], *back).returncode == 0
    assert (champion_of(shop).number, champion_of(shop).rolled_back_to) == (4, 1)

"""An account is the one it was: another address or label pays for nothing by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import here
from tests.flows.shop import Shop
from tests.flows.test_commands import tuneloop
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import kept_origin
from tuneloop.orchestration.stores import prepare_stores, shared_labels
from tuneloop.schemas.training import Account

pytestmark = pytest.mark.usefixtures("alone")

REAL = "https://api.provider.invalid"


def test_emulator_first_and_the_real_address_later_is_refused(shop: Shop, stack: Stack, bill: Bill) -> None:
    assert here(shop.wish).name == "Completed"
    bill.clear()
    shop.account_is_at(REAL, "SG_0123456789abcdef")
    for dry_run in (False, True):
        said = here({**shop.wish, "dry_run": dry_run}).message or ""
        assert f"account segmind.{shop.name} is at {REAL}" in said
        assert "made at loopback" in said
        assert "Choose another account label" in said
    done = tuneloop(stack, "status", "--store", shop.store, "--credentials", shop.credentials)
    assert (done.returncode, "Choose another account label" in " ".join(done.stdout.split())) == (1, True)
    with pytest.raises(ConfigurationError, match="Choose another account label"):
        prepare_stores({(shop.store, shop.credentials)})
    assert bill.paths == []
    # With a label of its own it is another account: what the emulator trained counts for nothing there.
    shop.account_is_at(REAL, "SG_0123456789abcdef", "live")
    plan = here({**shop.wish, "dry_run": True})
    assert (plan.name, "train:" in (plan.message or "")) == ("Completed", True)


def test_emulator_on_another_port_is_the_same_account(shop: Shop, bill: Bill, tmp_path: Path) -> None:
    assert here(shop.wish).name == "Completed"
    assert kept_origin(shop.ledger, Account(provider="segmind", label=shop.name)) == "loopback"
    with running_emulator("segmind", tmp_path / "another", progress=Progress.at_once()) as another:
        shop.account_is_at(another.url, another.api_key)
        assert here(shop.wish).name == "Cached"
    assert len(bill.trainings) == 1


def test_changed_account_label_does_not_train_everything_again(
    shop: Shop, emulator: EmulatorControl, bill: Bill
) -> None:
    assert here(shop.wish).name == "Completed"
    bill.clear()
    shop.account_is_at(emulator.url, emulator.api_key, "renamed")
    for dry_run in (False, True):
        said = here({**shop.wish, "dry_run": dry_run}).message or ""
        assert "you have changed nothing since: the account label was" in said
        assert "force_reason" in said
    assert bill.orders == []
    assert here({**shop.wish, "force_reason": "another account"}).name == "Completed"
    assert len(bill.trainings) == 1


def test_block_left_alone_is_an_account_of_its_own(emulator: EmulatorControl) -> None:
    names = []
    for name in ("left-alone", "left-alone-too"):
        SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url).save(name, overwrite=True)
        block = SegmindCredentials.load(name)
        assert isinstance(block, SegmindCredentials)
        names.append(block.get_provider().account.slug)
    assert names == ["segmind.left-alone", "segmind.left-alone-too"]


@pytest.mark.usefixtures("stack")
@pytest.mark.long
def test_two_blocks_that_say_they_are_one_account_are_named(stack: Stack, emulator: EmulatorControl) -> None:
    for name, url in (("one-of-two", emulator.url), ("two-of-two", emulator.url)):
        SegmindCredentials(api_key=emulator.api_key, base_url=url, account="of-two").save(name, overwrite=True)
    both = "segmind-credentials/one-of-two and segmind-credentials/two-of-two are both account segmind.of-two"
    try:
        assert any(both in note for note in shared_labels()[1])
        assert both in " ".join(tuneloop(stack, "status").stdout.split())
        SegmindCredentials(api_key="SG_0123456789abcdef", base_url=REAL, account="of-two").save(
            "two-of-two", overwrite=True
        )
        with pytest.raises(ConfigurationError, match=f"{both}, at different addresses"):
            prepare_stores(set())
        done = tuneloop(stack, "status")
        assert (done.returncode, f"{both}, at different addresses" in " ".join(done.stdout.split())) == (1, True)
    finally:
        SegmindCredentials.delete("two-of-two")

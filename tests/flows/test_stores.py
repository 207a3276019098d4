"""The store is not the one it was: nothing is paid, and everybody is told what to do."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.filesystems import LocalFileSystem

from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.runs import here, tick
from tests.flows.shop import Shop
from tests.flows.test_commands import tuneloop
from tests.prefect_server import prefect_server
from tests.waiting import wait_until
from tuneloop.cli.exit_codes import REFUSED, USAGE
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import StoreError
from tuneloop.orchestration.stores import init_store, move_store, prepare_stores
from tuneloop.storage.identity import create_store, identity_of
from tuneloop.storage.local import LocalDirectory

pytestmark = pytest.mark.usefixtures("alone")


def is_emptied(shop: Shop) -> None:
    for each in shop.folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def is_not_mounted(shop: Shop) -> None:
    shop.folder.rename(shop.folder.with_name("elsewhere"))
    shop.folder.mkdir()


def is_mistyped(shop: Shop) -> None:
    (shop.folder.parent / "stroe").mkdir()
    shop.is_at(shop.folder.parent / "stroe")


def is_emptied_but_for_its_name(shop: Shop) -> None:
    name = (shop.folder / "store.json").read_bytes()
    is_emptied(shop)
    (shop.folder / "store.json").write_bytes(name)


def refusals(shop: Shop, stack: Stack, code: int) -> list[str]:
    """What a run, a dry run, a tick, `status` and a rollback say; all of them refuse, the commands with a code."""
    said = []
    for state in (here(shop.wish), here({**shop.wish, "dry_run": True}), tick(shop.store)):
        assert state.name == "Failed"
        said.append(state.message or "")
    for command in (["status"], ["rollback", shop.wish["model"], "--version", "1", "--reason", "x"]):
        done = tuneloop(stack, *command, "--store", shop.store)
        assert done.returncode == code, done.stderr
        said.append(" ".join((done.stdout + done.stderr).split()))
    return said


@pytest.mark.parametrize("how", [is_emptied, is_not_mounted, is_mistyped])
def test_store_that_is_gone_between_two_runs_stops_the_second_one_before_it_pays(
    how: Callable[[Shop], None], shop: Shop, stack: Stack, bill: Bill
) -> None:
    assert here(shop.wish).name == "Completed"
    known = identity_of(LocalDirectory(shop.folder)).store_id
    how(shop)
    bill.clear()
    for said in refusals(shop, stack, USAGE):
        assert "is not a Tuneloop store" in said
        assert "volume mounted" in said
        assert known in said
        assert f"`tuneloop store init {shop.store} --replace`" in said
    with pytest.raises(StoreError, match=f"knows {shop.store} as store {known}"):
        prepare_stores({(shop.store, shop.credentials)})
    assert bill.paths == []
    place = shop.folder.parent / "stroe" if how is is_mistyped else shop.folder
    assert not list(place.iterdir()), "nothing is written where there is no store"


def test_store_that_has_lost_all_but_its_name_stops_a_run_before_it_pays(
    shop: Shop, stack: Stack, bill: Bill
) -> None:
    assert here(shop.wish).name == "Completed"
    is_emptied_but_for_its_name(shop)
    bill.clear()
    for said in refusals(shop, stack, REFUSED):
        assert "has lost its records" in said
        assert f"`tuneloop store init {shop.store} --replace`" in said
    with pytest.raises(StoreError, match="has lost its records"):
        init_store(shop.store)
    assert bill.paths == []


def test_another_store_behind_the_same_block_is_named_with_both_ids(shop: Shop, stack: Stack, bill: Bill) -> None:
    other = shop.folder.parent / "other"
    other.mkdir()
    LocalFileSystem(basepath=str(other)).save("other-store", overwrite=True)
    init_store("local-file-system/other-store", replace=True)
    shop.is_at(other)
    for said in refusals(shop, stack, REFUSED):
        for folder in (shop.folder, other):
            assert identity_of(LocalDirectory(folder)).store_id in said
        assert f"`tuneloop store init {shop.store} --replace`" in said
    assert bill.paths == []


def test_second_store_for_an_account_is_refused_until_a_person_says_so(shop: Shop, bill: Bill) -> None:
    assert here(shop.wish).name == "Completed"
    second = f"{shop.name}-second"
    folder = shop.folder.parent / "second"
    folder.mkdir()
    LocalFileSystem(basepath=str(folder)).save(second, overwrite=True)
    slug = f"local-file-system/{second}"
    init_store(slug)
    bill.clear()
    for dry_run in (False, True):
        said = here({**shop.wish, "store": slug, "dry_run": dry_run}).message or ""
        assert f"account segmind.{shop.name} trains into store" in said
        assert f"`tuneloop store init {slug} --account CREDENTIALS`" in said
    assert bill.paths == []
    init_store(slug, account=shop.credentials)
    assert here({**shop.wish, "store": slug, "dry_run": True}).name == "Completed"
    assert "trains into store" in (here(shop.wish).message or "")


def test_store_that_nobody_has_made_known_stops_a_run(shop: Shop, bill: Bill, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shop.folder, copy)
    LocalFileSystem(basepath=str(copy)).save(f"{shop.name}-new", overwrite=True)
    said = here({**shop.wish, "store": f"local-file-system/{shop.name}-new"}).message or ""
    assert "does not know yet. Run `tuneloop deploy`, or `tuneloop store init" in said
    assert bill.paths == []


@pytest.mark.long  # a second Prefect server
def test_second_prefect_server_acts_on_nothing_until_a_person_moves_the_store(
    shop: Shop, emulator: EmulatorControl, bill: Bill, tmp_path: Path
) -> None:
    assert here(shop.wish).name == "Completed"
    bill.clear()
    before = set(shop.ledger.store.names(""))
    changed = {**shop.wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=99))}
    with prefect_server(tmp_path / "second"):
        shop.is_at(shop.folder)
        shop.account_is_at(emulator.url, emulator.api_key)
        for said in (here(changed).message or "", tick(shop.store).message or ""):
            assert "is driven by the Prefect server at http://127.0.0.1" in said
            assert f"`tuneloop store move {shop.store}`" in said
        with pytest.raises(StoreError, match="tuneloop store move"):
            prepare_stores({(shop.store, shop.credentials)})
        assert set(shop.ledger.store.names("")) == before
        assert bill.paths == []
        move_store(shop.store)
        assert tick(shop.store).is_completed()
        assert here(changed).name == "Completed"
    assert f"tuneloop store move {shop.store}" in (here(shop.wish).message or "")
    assert f"tuneloop store move {shop.store}" in (tick(shop.store).message or "")


def test_store_that_is_swapped_while_a_run_uploads_stops_it_before_it_pays(
    shop: Shop, emulator: EmulatorControl, bill: Bill
) -> None:
    upload = "/finetune/request/upload/pre-signed-url"
    emulator.inject(Fault("slow", upload, "GET", delay_s=3))
    before = identity_of(LocalDirectory(shop.folder)).store_id

    def swap() -> None:
        wait_until("the run uploads", lambda: upload in bill.paths)
        away = shop.folder.rename(shop.folder.with_name("away"))
        shutil.copytree(away, shop.folder, ignore=shutil.ignore_patterns("store.json"))
        create_store(LocalDirectory(shop.folder), "somebody")

    person = threading.Thread(target=swap)
    person.start()
    state = here(shop.wish)
    person.join()
    assert state.name == "Failed"
    assert f"was store {before} when this run began" in (state.message or "")
    assert bill.trainings == []

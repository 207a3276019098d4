"""The receiver with the Prefect server's blocks and runs."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL
from prefect.states import Suspended
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr, ValidationError
from rich.console import Console

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.webhooks.conftest import only_segmind
from tests.webhooks.world import Receiver, World, eventually, truth
from tuneloop.cli.webhooks import show_addresses
from tuneloop.demo.processes import answers, clean_environment, free_port
from tuneloop.emulator import Progress
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.stores import init_store
from tuneloop.orchestration.webhook_accounts import hook_accounts

PUBLIC = "https://hooks.example.com"
SERVE = (
    "import sys; from tuneloop.orchestration.webhook_receiver import serve_webhooks as s; "
    "s({!r}, {!r}, '127.0.0.1', {})"
)


@pytest.fixture(scope="module", autouse=True)
def prefect() -> Iterator[None]:
    with prefect_test_harness():
        yield


def shown(*credentials: str, public_url: str = PUBLIC) -> str:
    page = io.StringIO()
    show_addresses(list(credentials), public_url, Console(file=page, width=60))
    return page.getvalue()


def addresses(page: str) -> list[str]:
    return [line.strip() for line in page.splitlines() if "/hooks/" in line]


def save_segmind(name: str, world: World | None = None) -> str:
    url = world.emulator.url if world else "http://127.0.0.1:9"
    key = world.emulator.api_key if world else "SG_0123456789"
    SegmindCredentials(api_key=SecretStr(key), base_url=url, account="default").save(name, overwrite=True)
    return f"segmind-credentials/{name}"


def test_address_is_made_once_saved_and_shown_whole_with_what_to_do() -> None:
    first, second = save_segmind("one"), save_segmind("two")
    page = shown(first)
    (address,) = addresses(page)
    assert address.startswith(f"{PUBLIC}/hooks/segmind/")
    assert len(address.rpartition("/")[2]) >= 32
    assert "one fine-tune webhook at a time" in page
    assert addresses(shown(first)) == [address]
    assert addresses(shown(second)) != [address]
    block = SegmindCredentials.load("one")
    assert isinstance(block, SegmindCredentials)
    assert block.api_key.get_secret_value() == "SG_0123456789"
    assert address.rpartition("/")[2] not in repr([block, hook_accounts([first])])
    assert set(addresses(shown(first, second))) <= set(addresses(shown()))


def test_bfl_is_told_by_the_block_and_its_secret_is_asked_for() -> None:
    BflCredentials(api_key=SecretStr("key"), account="studio").save("studio", overwrite=True)
    page = shown("bfl-credentials/studio")
    (address,) = addresses(page)
    assert "webhook_url" in page
    assert "webhook_secret" in page
    block = BflCredentials.load("studio")
    assert isinstance(block, BflCredentials)
    block.webhook_url, block.webhook_secret = SecretStr(address), SecretStr("a long random word")
    block.save("studio", overwrite=True)
    (account,) = hook_accounts(["bfl-credentials/studio"])
    assert (account.secret, account.told, account.account.slug) == (
        "a long random word",
        address,
        "bfl.studio-us1",
    )
    path = address.rpartition("/")[2]
    with get_client(sync_client=True) as client:
        kept = client.read_block_documents_by_type("bfl-credentials", include_secrets=False)
    assert not any(path in document.model_dump_json() for document in kept)
    page = shown("bfl-credentials/studio")
    assert "tells BFL this address" in page
    assert "a long random word" not in page + repr(account)


def test_path_that_can_be_guessed_and_an_address_without_scheme_are_refused() -> None:
    for path in ("hunter2", "with/a/slash/and/long/enough", ""):
        with pytest.raises(ValidationError) as refused:
            SegmindCredentials(api_key=SecretStr("SG_1"), webhook_path=SecretStr(path))
        assert not path or path not in str(refused.value)
    with pytest.raises(ConfigurationError, match="--public-url"):
        shown(public_url="hooks.example.com")
    assert "cannot be reached from outside" in shown(save_segmind("one"), public_url="http://127.0.0.1:8788")


@flow
def asleep() -> None:
    """A flow whose runs sleep."""


def sleeping_run() -> FlowRun:
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(asleep), "asleep")
        run = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(run.id, Suspended(timeout_seconds=3600), force=True)
        return client.read_flow_run(run.id)


def state_of(run: FlowRun) -> str:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.id).state_name or ""


@only_segmind
def test_command_wakes_the_run_whose_training_has_ended_and_logs_no_path(world: World, tmp_path: Path) -> None:
    sleeper = sleeping_run()
    run, job_id = world.submitted(str(sleeper.id))
    gone, gone_id = world.submitted()
    folder = unquote(urlsplit(world.ledger.store.uri).path)
    LocalFileSystem(basepath=folder).save("webhooks", overwrite=True)
    init_store("local-file-system/webhooks")
    slug, port = save_segmind("default", world), free_port()
    (account,) = hook_accounts([slug])
    assert state_of(sleeper) == "Suspended"
    environment = clean_environment({"PREFECT_API_URL": PREFECT_API_URL.value() or ""})
    command = [sys.executable, "-c", SERVE.format(["local-file-system/webhooks"], [slug], port)]
    log = tmp_path / "receiver.log"
    with log.open("wb") as file, subprocess.Popen(command, env=environment, stderr=file) as process:
        try:
            receiver = Receiver(f"http://127.0.0.1:{port}", "segmind")
            address = f"{receiver.url}/hooks/segmind/{account.path}"
            eventually("the receiver runs", lambda: answers(address), 60)
            world.emulator.progress(Progress.at_once())
            assert receiver.post(truth(world, job_id, "AVAILABLE"), path=account.path) == 200
            eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")
            eventually("the run is woken", lambda: state_of(sleeper) != "Suspended")
            assert receiver.post(truth(world, gone_id, "AVAILABLE"), path=account.path) == 200
            eventually("the gone run is noticed", lambda: b"no deployment continue-training" in log.read_bytes())
            world.follow_all()
        finally:
            process.terminate()
    text = log.read_text()
    assert "listening on" in text
    assert f"{run.key[:16]}-g1 is trained" in text
    assert world.states(gone)[-1] == "trained"
    for secret in (account.path, world.emulator.api_key):
        assert secret not in text


def failed_start(store: Path, *credentials: str) -> str:
    LocalFileSystem(basepath=str(store)).save("start", overwrite=True)
    if store.is_dir():
        init_store("local-file-system/start")
    command = [sys.executable, "-c", SERVE.format(["local-file-system/start"], list(credentials), 0)]
    environment = clean_environment({"PREFECT_API_URL": PREFECT_API_URL.value() or ""})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return done.stderr


def test_start_names_what_is_missing_or_cannot_be_told_apart(tmp_path: Path) -> None:
    assert "no block segmind-credentials/absent" in failed_start(tmp_path, "segmind-credentials/absent")
    assert "nowhere" in failed_start(tmp_path / "nowhere", save_segmind("one"))
    assert "are both segmind.default" in failed_start(tmp_path, save_segmind("one"), save_segmind("two"))

"""The receiver with the Prefect server's blocks and runs."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL
from prefect.states import Suspended
from pydantic import SecretStr, ValidationError

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from flows.watch_trainings import watch_trainings
from tests.prefect_server import prefect_server
from tests.waiting import relying_on, wait_until
from tests.webhooks.conftest import only_segmind
from tests.webhooks.world import Receiver, World, truth
from tuneloop.cli.webhooks import show_addresses
from tuneloop.emulator import Progress
from tuneloop.errors import ConfigurationError
from tuneloop.local_server.processes import clean_environment, free_port, responds
from tuneloop.orchestration.stores import init_store
from tuneloop.orchestration.webhooks import request_sensor_run, webhook_accounts

pytestmark = pytest.mark.long  # an installation of its own

PUBLIC = "https://hooks.example.com"
SERVE = (
    "import sys; from tuneloop.orchestration.webhooks import serve_webhooks as s; s({!r}, {!r}, '127.0.0.1', {})"
)


@pytest.fixture(scope="module", autouse=True)
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with prefect_server(tmp_path_factory.mktemp("prefect")):
        yield


def shown(*credentials: str, public_url: str = PUBLIC) -> str:
    with redirect_stdout(io.StringIO()) as page:
        show_addresses(list(credentials), public_url, as_json=False)
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
    assert address.rpartition("/")[2] not in repr([block, webhook_accounts([first])])
    assert set(addresses(shown(first, second))) <= set(addresses(shown()))


def test_bfl_gets_the_address_from_the_block_and_a_secret_is_advised() -> None:
    BflCredentials(api_key=SecretStr("key"), account="studio").save("studio", overwrite=True)
    page = shown("bfl-credentials/studio")
    (address,) = addresses(page)
    assert "webhook_url" in page
    assert "webhook_secret" in page
    block = BflCredentials.load("studio")
    assert isinstance(block, BflCredentials)
    block.webhook_url, block.webhook_secret = SecretStr(address), SecretStr("a long random word")
    block.save("studio", overwrite=True)
    (account,) = webhook_accounts(["bfl-credentials/studio"])
    assert (account.secret, account.announced, account.account) == (
        "a long random word",
        address,
        "bfl.studio-us1",
    )
    path = address.rpartition("/")[2]
    with get_client(sync_client=True) as client:
        kept = client.read_block_documents_by_type("bfl-credentials", include_secrets=False)
    assert not any(path in document.model_dump_json() for document in kept)
    page = shown("bfl-credentials/studio")
    assert "sends BFL this address" in page
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


def save_store(name: str, folder: str) -> str:
    LocalFileSystem(basepath=folder).save(name, overwrite=True)
    slug = f"local-file-system/{name}"
    init_store(slug)
    return slug


def deploy_sensor(store: str, **options: Any) -> UUID:
    with get_client(sync_client=True) as client:
        sensor, parameters = client.create_flow(watch_trainings), {"stores": [store]}
        return client.create_deployment(sensor, store[-8:], parameters=parameters, **options)


def requested(sensor: UUID) -> list[dict[str, Any]]:
    """Parameters of the sensor's runs."""
    which = DeploymentFilter(id=DeploymentFilterId(any_=[sensor]))
    with get_client(sync_client=True) as client:
        return [run.parameters for run in client.read_flow_runs(deployment_filter=which)]


@contextmanager
def command(log: Path, store: str, credentials: str, path: str) -> Iterator[Receiver]:
    """Run `tuneloop webhooks` while the block lasts."""
    port = free_port()
    environment = clean_environment({"PREFECT_API_URL": PREFECT_API_URL.value() or ""})
    arguments = [sys.executable, "-c", SERVE.format([store], [credentials], port)]
    with (
        log.open("ab") as file,
        relying_on(logs=log.parent),
        subprocess.Popen(arguments, env=environment, stderr=file) as process,
    ):
        try:
            receiver = Receiver(f"http://127.0.0.1:{port}", "segmind")
            wait_until("the receiver runs", lambda: responds(f"{receiver.url}/hooks/segmind/{path}"))
            yield receiver
        finally:
            process.terminate()


@only_segmind
def test_command_requests_one_sensor_run_of_the_account_which_wakes_its_run(world: World, tmp_path: Path) -> None:
    sleeper = sleeping_run()
    run, job_id = world.submitted(str(sleeper.id))
    store = save_store("webhooks", unquote(urlsplit(world.ledger.store.uri).path))
    sensor, slug, log = deploy_sensor(store), save_segmind("default", world), tmp_path / "receiver.log"
    (account,) = webhook_accounts([slug])
    world.emulator.progress(Progress.at_once())
    wanted: dict[str, Any] = {"stores": [store], "account": "segmind.default"}
    for _ in range(2):  # the second receiver finds that the first one's run has not started yet
        with command(log, store, slug, account.path) as receiver:
            for _ in range(5):
                assert receiver.post(truth(world, job_id, "AVAILABLE"), path=account.path) == 200
            wait_until("a run is requested", lambda: requested(sensor) == [wanted])
    wait_until("it is seen", lambda: "waiting to start" in log.read_text())
    assert "listening on" in log.read_text()
    for secret in (account.path, world.emulator.api_key):
        assert secret not in log.read_text()
    watch_trainings(**wanted)
    assert world.states(run)[-1] == "trained"
    assert state_of(sleeper) != "Suspended"


def test_sensor_that_takes_no_run_hinders_no_other_and_is_asked_again_at_the_next_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stores = [f"s3-bucket/sensor-{letter}" for letter in "abc"]
    sensors = [deploy_sensor(store) for store in stores]
    knows_no_account = {"properties": {"stores": {"type": "array"}}, "additionalProperties": False}
    deploy_sensor(stores[1], parameter_openapi_schema=knows_no_account, enforce_parameter_schema=True)
    with caplog.at_level(logging.WARNING):
        request_sensor_run(stores, "segmind.default")
    assert [len(requested(sensor)) for sensor in sensors] == [1, 0, 1]
    (line,) = caplog.messages
    assert "segmind.default: watch-trainings/sensor-b accepts no run" in line
    assert "\n" not in line
    deploy_sensor(stores[1], enforce_parameter_schema=False)
    request_sensor_run(stores, "segmind.default")
    assert [len(requested(sensor)) for sensor in sensors] == [1, 1, 1]


def failed_start(store: str, credentials: str) -> str:
    arguments = [sys.executable, "-c", SERVE.format([store], [credentials], 0)]
    environment = clean_environment({"PREFECT_API_URL": PREFECT_API_URL.value() or ""})
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return done.stderr


def test_start_names_what_is_missing() -> None:
    absent = "segmind-credentials/absent"
    assert f"block {absent} not found" in failed_start("s3-bucket/x", absent)
    assert "watch-trainings names s3-bucket/x" in failed_start("s3-bucket/x", save_segmind("one"))

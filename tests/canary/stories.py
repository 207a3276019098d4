"""Runs that succeed, wait and fail, in an installation on S3 that logs all it can and has planted secrets."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId
from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from blocks.replicate_credentials import ReplicateCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.canary import planting
from tests.canary.places import Processes
from tests.canary.searching import Piece, Search
from tests.conftest import draw_images
from tests.flows.runs import SENSOR, SUBMIT, request_for, sensor_paused, start, wait_for
from tests.http.speaking import Spoken, saying, speaking
from tests.storage.failing_proxy import Orders
from tests.waiting import LIMIT_S, wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.emulator.objects import PREFIX as OBJECTS
from tuneloop.emulator.replicate.fields import WEBHOOK_SECRET
from tuneloop.local_server.processes import free_port, listens
from tuneloop.providers.replicate.recipes import ReplicateFluxLoraRecipe

BUCKET = "canary-bucket"
MODEL = "canary-robot"
STORE = "s3-bucket/tuneloop"
_LEVELS = ("PREFECT_LOGGING_LEVEL", "PREFECT_SERVER_LOGGING_LEVEL")
_LOGGERS = "boto3,botocore,requests,s3transfer,tuneloop,urllib3"
"""Their lines go to Prefect's server too; those of httpx would tell of their own sending, for ever."""


@dataclass
class World:
    """Everything that speaks, and what was heard of it."""

    stack: Stack
    s3_behind: str
    """Address of the S3 server itself."""
    s3: Orders
    segmind: Orders
    replicate: Orders
    at_replicate: EmulatorControl
    bad: dict[str, Spoken]
    """Providers that misbehave, by how they do."""
    stranger: Spoken
    """Where one of them redirects to."""
    processes: Processes
    said: list[Piece] = field(default_factory=list)
    """What commands have written to their terminal."""
    ended: dict[str, str] = field(default_factory=dict)
    """The messages with which runs have ended."""

    @property
    def search(self) -> Search:
        page = re.escape(f"{self.s3.endpoint}/{BUCKET}/").encode() + rb"[\w/.-]+\.html\?(?:[\w%&=;.~+-]|\\u0026)+"
        return Search(planting.SECRETS, self.signatures_but_of(""), re.compile(page))

    @property
    def _hosts(self) -> dict[str, Orders]:
        return {"s3": self.s3, "segmind": self.segmind, "replicate": self.replicate}

    @property
    def sent(self) -> dict[str, list[bytes]]:
        """What each host was sent."""
        kept = {host: [one.request for one in orders.exchanges or ()] for host, orders in self._hosts.items()}
        return kept | {kind: spoken.requests for kind, spoken in self.bad.items()}

    def signatures_but_of(self, host: str) -> set[bytes]:
        """Signatures that no other host than this may be sent."""
        return {
            found
            for name, orders in self._hosts.items()
            if name != host
            for found in planting.signatures_in(orders.exchanges or ())
        }

    def begin(self, model: str, images: Path, credentials: str, **wish: Any) -> UUID:
        """Start a run of a deployment, which the worker takes."""
        return start({**request_for(model, images), "store": STORE, "credentials": credentials, **wish})

    def run(self, model: str, images: Path, credentials: str, ends: str = "Completed", **wish: Any) -> None:
        """Let a run go on to its end, or to where it stands still."""
        self.has_ended(model, self.begin(model, images, credentials, **wish), ends)

    def has_ended(self, what: str, run: UUID, ends: str) -> None:
        self.ended[what] = wait_for(run, ends).message or ""

    def command(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tuneloop.cli.app", *words],
            env=self.stack.processes.environment,
            capture_output=True,
            check=False,
            timeout=LIMIT_S,
        )
        self.said.append(Piece(" ".join(words), done.stdout + b"\0" + done.stderr))


def log_everything(prefect_home: Path) -> None:
    """Let every program that has its home there log at DEBUG, whatever the logger."""
    prefect_home.mkdir(parents=True)
    settings = {**dict.fromkeys(_LEVELS, "DEBUG"), "PREFECT_LOGGING_EXTRA_LOGGERS": _LOGGERS}
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    (prefect_home / "profiles.toml").write_text(
        "\n".join(['active = "talkative"', "[profiles.talkative]", *lines])
    )
    logging = yaml.safe_load(DEFAULT_LOGGING_SETTINGS_PATH.read_text())
    logging["root"]["level"] = "DEBUG"
    # They say, many times over, what goes into the database, which is searched itself.
    logging["loggers"] |= {name: {"level": "WARNING"} for name in ("aiosqlite", "prefect._internal", "sqlalchemy")}
    (prefect_home / "logging.yml").write_text(yaml.safe_dump(logging))


def tell(world: World, folder: Path) -> None:
    """Let everything happen; what does not depend on each other, at once."""
    images = draw_images(folder / "images")
    _one_that_the_store_fails(world, images)
    called = _one_whose_provider_calls(world, images)
    failing = _some_whose_providers_misbehave(world, images)
    _one_that_recovers_from_everything(world, images)
    _one_that_a_signed_address_refuses(world, draw_images(folder / "refused", shade=60))
    world.has_ended("called", called, "Completed")
    for kind, run in failing.items():
        world.ended[kind] = wait_until(f"{kind} has failed", partial(_failure_of, run))
    _one_that_asks_a_person(world, draw_images(folder / "more", 4, shade=90))
    _one_whose_store_gets_new_keys(world, draw_images(folder / "rotated", shade=120))
    for words in (["status", "--json"], ["models"], ["models", MODEL], ["reports"]):
        world.command(*words)


def _one_that_the_store_fails(world: World, images: Path) -> None:
    with sensor_paused():  # a tick would take the failure for itself
        world.s3.failures += [("GET", "cut the answer")]
        world.run("cut-short", images, world.stack.credentials_slug, "Failed")


def _one_whose_provider_calls(world: World, images: Path) -> UUID:
    port = free_port()
    ReplicateCredentials(
        api_key=SecretStr(planting.REPLICATE_KEY),
        base_url=world.replicate.endpoint,
        webhook_path=SecretStr(planting.WEBHOOK_PATH),
        webhook_secret=SecretStr(WEBHOOK_SECRET),
        webhook_url=SecretStr(f"http://127.0.0.1:{port}/hooks/replicate/{planting.WEBHOOK_PATH}"),
    ).save("canary")
    programs = world.stack.processes
    programs.start("webhooks", "tuneloop.cli.app", "webhooks", "--port", str(port), "--store", STORE)
    programs.wait_until("webhooks", lambda: listens(f"http://127.0.0.1:{port}"), LIMIT_S)
    world.at_replicate.progress(Progress.after_seconds(2))
    recipe = ReplicateFluxLoraRecipe.example_for("ROBOX")
    return world.begin("called", images, "replicate-credentials/canary", recipe=recipe)


def _some_whose_providers_misbehave(world: World, images: Path) -> dict[str, UUID]:
    """Each has an account and a key of its own; none may be told of another's."""
    runs = {"wrong": world.begin("wrong", images, _account("wrong", planting.WRONG_KEY, world.segmind.endpoint))}
    for kind, spoken in world.bad.items():
        runs[kind] = world.begin(kind, images, _account(kind, planting.BAD_KEYS[kind], spoken.url))
    return runs


def _failure_of(run: UUID) -> str:
    """Why a run has failed, or that it tries again in a while, which it does for minutes."""
    which = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
        tasks = client.read_task_runs(task_run_filter=which)
    if state is not None and state.is_final():
        return f"{state.name}: {state.message}"
    return next((task.state_name for task in tasks if task.state_name == "AwaitingRetry"), "")


def _one_that_recovers_from_everything(world: World, images: Path) -> None:
    emulator = world.stack.emulator
    emulator.progress(Progress.at_once())
    emulator.inject(Fault("cut_after_effect", SUBMIT, "POST"))
    emulator.inject(Fault("refuse", OBJECTS, "GET", status=503))
    world.s3.failures += [("PUT", "answer 503"), ("PUT", "lose the answer"), ("GET", "answer 503")]
    world.run(MODEL, images, _account("canary", planting.SEGMIND_KEY, world.segmind.endpoint))


def _one_that_a_signed_address_refuses(world: World, images: Path) -> None:
    world.stack.emulator.inject(Fault("refuse", OBJECTS, "PUT", status=400))
    world.run("refused", images, "segmind-credentials/canary", "Failed")


def _one_that_asks_a_person(world: World, images: Path) -> None:
    """It shows a signed link to its report, by design."""
    gate = {"margin": 1.0, "max_copies": 1}
    evaluation = {**request_for(MODEL, images)["evaluation"], "gate": gate}
    run = world.begin(MODEL, images, "segmind-credentials/canary", evaluation=evaluation)
    world.has_ended("undecided", run, "Suspended")


def _one_whose_store_gets_new_keys(world: World, images: Path) -> None:
    """It is suspended meanwhile, and from then on the old keys are refused."""
    world.stack.emulator.progress(Progress.after_seconds(3600))
    run = world.begin("rotated", images, "segmind-credentials/canary")
    wait_for(run, "Suspended")
    world.s3.access_key = planting.NEW_S3_KEY_ID
    block = S3Bucket.load("tuneloop")
    assert isinstance(block, S3Bucket)
    assert isinstance(block.credentials, AwsCredentials)
    block.credentials.aws_access_key_id = planting.NEW_S3_KEY_ID
    block.credentials.aws_secret_access_key = SecretStr(planting.NEW_S3_SECRET)
    block.save("tuneloop", overwrite=True)
    world.stack.emulator.progress(Progress.at_once())
    start({}, SENSOR)
    world.has_ended("rotated", run, "Completed")


def _account(name: str, key: str, url: str) -> str:
    SegmindCredentials(api_key=SecretStr(key), base_url=url).save(name)
    return f"segmind-credentials/{name}"


@contextmanager
def bad_providers(stranger: Spoken, certificate: Path) -> Iterator[dict[str, Spoken]]:
    """Run those that misbehave, by how they do."""
    heard: dict[str, Spoken] = {}

    def echo(connection: socket.socket) -> None:
        # As a gateway may that shows what it could not pass on.
        saying("500 Internal Server Error", heard["echoing"].requests[-1])(connection)

    def cut(_: socket.socket) -> None:
        """Say nothing, and hang up."""

    redirect = saying("302 Found", b"", f"Location: {stranger.url}/elsewhere")
    with (
        speaking(echo) as heard["echoing"],
        speaking(cut) as heard["cutting"],
        speaking(redirect) as heard["redirecting"],
        speaking(cut, certificate) as heard["untrusted"],
    ):
        yield heard

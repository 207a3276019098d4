"""An emulated provider, a store, and a receiver on a real socket."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import requests
import uvicorn

from tests.contract.rig import CLIENTS
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import TrainingIdentity
from tuneloop.sensor.poll import poll_all
from tuneloop.webhooks.account import Verify, WebhookAccount
from tuneloop.webhooks.connections import Connection, receiver_config
from tuneloop.webhooks.receiver import webhook_app

PATH = "the-path-that-nobody-can-guess"
SECRET = "the-secret-of-the-block"
STORE = "local-file-system/test"
QUICK_S = 0.1
"""A pause for tests in which more than one sensor run is awaited."""


@dataclass
class World:
    """What a test works with.

    Attributes:
        emulator: Controls of the emulated provider.
        recipe: A recipe that it trains.
        archive: A dataset for it.
        ledger: The ledger.
        secret: What the provider signs its calls with.
        verify: Verifies calls; the provider's client does where there is none.
        runs: Accounts for which the receiver has requested a sensor run.
        woken: Runs that some sensor run would resume.
    """

    emulator: EmulatorControl
    recipe: BaseRecipe
    archive: DatasetArchive
    ledger: Ledger
    secret: str | None = None
    verify: Verify | None = None
    runs: list[str] = field(default_factory=list)
    woken: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.recipe.provider

    @property
    def provider(self) -> Provider:
        return CLIENTS[self.name](self.emulator.api_key, base_url=self.emulator.url)

    @property
    def account(self) -> WebhookAccount:
        slug, verify = self.provider.account.slug, self.verify or self.provider.verify_webhook
        return WebhookAccount(f"{self.name}-credentials/default", self.name, slug, PATH, verify, self.secret)

    def sensor_run(self, account: str) -> None:
        """What the sensor does where a webhook has asked for it."""
        self.runs.append(account)
        self.tick(account)

    def tick(self, account: str | None = None) -> None:
        """Poll as the sensor does: by its schedule, or one account."""
        found = poll_all(self.ledger, lambda _: self.provider, None, account)
        self.woken |= {pending.run.flow_run for pending in found.pending}

    def marked(self, flow_run: str | None = None) -> RunRecord:
        """A run that is about to submit, with images that no other one has."""
        digest = hashlib.sha256(uuid4().bytes).hexdigest()
        account = self.provider.account
        identity = TrainingIdentity(dataset_digest=digest, recipe=self.recipe.canonical(), account=account)
        run = RunRecord(
            created_at=now(),
            flow_run=flow_run or str(uuid4()),
            model="robot",
            key=identity.key,
            attempt=1,
            dataset_digest=digest,
            recipe=self.recipe.model_dump(mode="json"),
            plan=EvaluationConfig(),
            account=account,
            credentials=self.account.credentials,
            store=STORE,
        )
        self.ledger.mark(self.ledger.save_run(run))
        return run

    def submitted(self, flow_run: str | None = None, provider: Provider | None = None) -> tuple[RunRecord, str]:
        """A run whose training is in flight, and the job's id."""
        run, provider = self.marked(flow_run), provider or self.provider
        uploaded = provider.deliver("a-name", self.archive)
        nothing_yet = TrainingLog(self.ledger, run.key, 1)
        order = SubmitRequest(run, self.recipe, uploaded, SpendingLimits())
        return run, submit_training(provider, nothing_yet, order).job_id

    def states(self, run: RunRecord) -> list[str]:
        return [record.state for record in self.ledger.history(run.key)]


@dataclass(frozen=True)
class Receiver:
    """A running receiver.

    Attributes:
        url: Its origin.
        provider: Whose path is called.
    """

    url: str
    provider: str

    @property
    def address(self) -> str:
        return f"{self.url}/hooks/{self.provider}/{PATH}"

    def post(self, body: Any, headers: dict[str, str] | None = None, path: str = PATH) -> int:
        """Call as the provider would. Returns the status."""
        address = f"{self.url}/hooks/{self.provider}/{path}"
        if isinstance(body, bytes):
            return requests.post(address, data=body, headers=headers, timeout=30).status_code
        return requests.post(address, json=body, headers=headers, timeout=30).status_code


@contextmanager
def receiving(world: World, pause_s: float = QUICK_S, caller: type[Connection] = Connection) -> Iterator[Receiver]:
    """Run a receiver in a thread while the block lasts."""
    app = webhook_app([world.account], world.sensor_run, pause_s)
    server = uvicorn.Server(receiver_config(app, "127.0.0.1", 0, caller))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_until("the receiver runs", lambda: server.started)
        try:
            yield Receiver(f"http://127.0.0.1:{port}", world.name)
        finally:
            server.should_exit = True
            thread.join()


def with_secret(world: World) -> World:
    """The same world, with an account that has a secret."""
    return replace(world, secret=SECRET)


def truth(world: World, job_id: str, word: str, event: str | None = None) -> dict[str, Any]:
    """A body as the provider may send it; what it says of the state may be as false as it likes."""
    if world.name == "bfl":
        return {"id": job_id, "status": word, "result": None, "timestamp": now().isoformat()}
    named = {"event_id": event} if event else {}
    return {**named, "event": word, "status": word, "finetune": {"finetune_id": job_id, "name": "x"}}

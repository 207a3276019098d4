"""An emulated provider, a store, and a receiver on a real socket."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import requests
import uvicorn

from tests.contract.rig import CLIENTS
from tuneloop.clock import now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import submit_training
from tuneloop.ledger.submit_request import SubmitRequest
from tuneloop.ledger.training import read_training
from tuneloop.providers.base import Provider
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import TrainingIdentity
from tuneloop.sensor.tick import TickResult
from tuneloop.webhooks.accounts import WebhookAccount
from tuneloop.webhooks.connections import Caller, receiver_config
from tuneloop.webhooks.patience import Patience
from tuneloop.webhooks.server import Installation, webhook_app

PATH = "the-path-that-nobody-can-guess"
SECRET = "the-secret-of-the-block"
STORE = "local-file-system/test"
QUICK = Patience(
    first_pause_s=0.05,
    longest_pause_s=0.2,
    moving_s=0.4,
    unknown_s=0.4,
    look_every_s=0.1,
    questions_per_minute=100_000,
)
"""For tests that wait until every hint is done with."""
_DEADLINE_S = 20.0


def eventually(what: str, condition: Callable[[], Any], deadline_s: float = _DEADLINE_S) -> float:
    """Wait until something holds. Returns after how many seconds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + deadline_s, f"waited in vain until {what}"
        time.sleep(0.01)
    return time.monotonic() - start


@dataclass
class World:
    """What a test works with.

    Attributes:
        emulator: Controls of the emulated provider.
        recipe: A recipe that it trains.
        archive: A dataset for it.
        ledger: The ledger.
        secret: What the provider proves its calls with.
        found: What was found by the receiver, for each look.
        opened: How often the account was opened.
        server_down_for: How many more times nobody can be woken.
    """

    emulator: EmulatorControl
    recipe: BaseRecipe
    archive: DatasetArchive
    ledger: Ledger
    secret: str | None = None
    found: list[TickResult] = field(default_factory=list)
    opened: int = 0
    server_down_for: int = 0

    @property
    def name(self) -> str:
        return self.recipe.provider

    @property
    def provider(self) -> Provider:
        return CLIENTS[self.name](self.emulator.api_key, base_url=self.emulator.url)

    @property
    def account(self) -> WebhookAccount:
        return WebhookAccount(f"{self.name}-credentials/default", self.provider.account, PATH, self.secret)

    def installation(self) -> Installation:
        return Installation([self.account], {STORE: self.ledger.store}, self._open, self._act)

    def _open(self, slug: str) -> Provider:
        assert slug == self.account.credentials
        self.opened += 1
        return self.provider

    def _act(self, _: Ledger, store: str, tick: TickResult) -> None:
        assert store == STORE
        if self.server_down_for:
            self.server_down_for -= 1
            raise RuntimeError("the server does not answer")
        self.found.append(tick)

    def woken(self) -> set[str]:
        return {story.run.flow_run for tick in self.found for story in tick.stories}

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
            generation=1,
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
        uploaded = provider.upload(self.archive)
        nothing_yet = read_training(self.ledger, run.key, 1)
        order = SubmitRequest(run, self.recipe, uploaded, self.archive, SpendingLimits())
        return run, submit_training(self.ledger, provider, nothing_yet, order).job_id

    def states(self, run: RunRecord) -> list[str]:
        return [record.state for record in self.ledger.history(run.key)]

    def hints(self, ending: str = ".json") -> list[str]:
        return [name for name in self.ledger.store.names("hints/") if name.endswith(ending)]

    def follow_all(self) -> None:
        """Wait until every hint is done with."""
        eventually("every hint is done with", lambda: len(self.hints()) == len(self.hints(".done")))


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
def receiving(
    world: World, patience: Patience | None = QUICK, caller: type[Caller] = Caller
) -> Iterator[Receiver]:
    """Run a receiver in a thread while the block lasts."""
    app = webhook_app(world.installation(), patience)
    server = uvicorn.Server(receiver_config(app, "127.0.0.1", 0, caller))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        eventually("the receiver runs", lambda: server.started)
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

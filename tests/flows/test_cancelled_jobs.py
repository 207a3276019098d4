"""Only a person's cancelling stops a job, and only where nobody else waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger
from prefect.states import Cancelled, Cancelling, Crashed, Failed, Pending, Running, Scheduled, Suspended

from blocks.fal_credentials import FalCredentials
from flows.retrain_model import retrain_model
from tests.flows.runs import log_of, sensor_paused, start, tick, wait_for
from tests.flows.runs import look as state_of
from tests.flows.shop import Shop
from tests.flows.test_held import answer, question_of
from tests.ledger.test_lost import submitted
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.ledger.cancellation import answered_jobs
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.cancelling import WatchedStore, cancel_jobs
from tuneloop.orchestration.run_queries import note_cancelled
from tuneloop.providers.base import Capabilities
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.records import Abandoned, RunRecord
from tuneloop.schemas.training import Account, Submission
from tuneloop.storage.local import LocalDirectory

States = list[State[Any]]
SUSPENDED: States = [Running(), Suspended()]
BY_A_PERSON: States = [*SUSPENDED, Cancelled()]


class StoppingProvider(SegmindProvider):
    """One that stops every job."""

    capabilities: ClassVar[Capabilities] = SegmindProvider.capabilities.model_copy(update={"cancel": True})

    def __init__(self) -> None:
        super().__init__("no-key", base_url="http://127.0.0.1:9")
        self.stopped: list[str] = []

    def cancel(self, job: Submission) -> bool:
        self.stopped.append(job.job_id)
        return True


@pytest.fixture
def own(stack: Stack, artifacts: LocalDirectory, run: RunRecord) -> Ledger:
    """A ledger that no sensor watches, with a job that no run waits for."""
    del stack
    ledger = Ledger(artifacts)
    submitted(ledger, run)
    return ledger


def waiting(ledger: Ledger, run: RunRecord, states: States) -> UUID:
    """A run that waits for the job, and has come through these states."""
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(retrain_model, state=Pending()).id
    ledger.mark(ledger.save_run(run.model_copy(update={"flow_run": str(flow_run)})))
    come_to(flow_run, states)
    return flow_run


def come_to(flow_run: UUID, states: States) -> None:
    with get_client(sync_client=True) as client:
        for state in states:
            client.set_flow_run_state(flow_run, state.fresh_copy(), force=True)


def delete(flow_run: UUID) -> None:
    with get_client(sync_client=True) as client:
        client.delete_flow_run(flow_run)


def watched(ledger: Ledger) -> WatchedStore:
    markers = list(ledger.markers())
    with get_client(sync_client=True) as client:
        cancelled = note_cancelled(client, ledger, [marker.flow_run for marker in markers])
    return WatchedStore(ledger, markers, cancelled)


def look(*ledgers: Ledger) -> list[str]:
    """The jobs that a tick has asked to stop."""
    return stopped(*map(watched, ledgers))


def stopped(*stores: WatchedStore) -> list[str]:
    provider = StoppingProvider()
    with get_client(sync_client=True) as client, disable_run_logger():
        accepted = cancel_jobs(client, stores, lambda _: provider)
    assert accepted == len(provider.stopped)
    return provider.stopped


@pytest.mark.parametrize(
    ("states", "stops"),
    [
        (BY_A_PERSON, True),
        ([Running(), Cancelling(), Cancelled()], True),
        ([Running(), Cancelling(), Cancelled(message="Its cancellation has timed out.")], True),
        ([Running(), Cancelling()], False),
        ([Running(), Crashed()], False),
        ([Running(), Failed()], False),
        ([Running(), Cancelled(message="Runner is shutting down.")], False),
        ([*SUSPENDED, Cancelled(message="Deployment concurrency limit reached.")], False),
        (SUSPENDED, False),
    ],
    ids=[
        "suspended",
        "running",
        "hung",
        "cancelling",
        "crashed",
        "failed",
        "its runner stopped",
        "limit",
        "waits",
    ],
)
def test_job_stops_when_a_person_has_cancelled_its_run_and_for_no_other_end_of_it(
    states: States, stops: bool, own: Ledger, run: RunRecord
) -> None:
    waiting(own, run, states)
    assert look(own) == (["job"] if stops else [])
    assert look(own) == [], "asked once"


def test_job_goes_on_while_another_run_waits_for_it(own: Ledger, run: RunRecord) -> None:
    waiting(own, run, BY_A_PERSON)
    other = waiting(own, run, SUSPENDED)
    assert look(own) == []
    come_to(other, [Cancelled()])
    assert look(own) == ["job"]


def test_job_goes_on_while_a_run_of_another_store_waits_for_it(
    own: Ledger, run: RunRecord, tmp_path: Path
) -> None:
    (tmp_path / "another").mkdir()
    another = Ledger(LocalDirectory(tmp_path / "another"))
    waiting(own, run, BY_A_PERSON)
    stores = [watched(own), watched(another)]
    other = waiting(another, run, SUSPENDED)
    assert look(own, another) == []
    assert stopped(*stores) == [], "it has come since the markers were read"
    come_to(other, [Cancelled()])
    assert look(own, another) == ["job"]


def test_no_job_stops_while_one_of_the_stores_cannot_be_read(shop: Shop, run: RunRecord, alone: None) -> None:
    del alone
    run = run.model_copy(
        update={"credentials": shop.credentials, "account": Account(provider="segmind", label=shop.name)}
    )
    submitted(shop.ledger, run)
    waiting(shop.ledger, run, BY_A_PERSON)
    tick(shop.store, "local-file-system/there-is-none")
    assert answered_jobs(shop.ledger) == set()
    tick(shop.store)
    assert len(answered_jobs(shop.ledger)) == 1


def test_job_whose_block_is_another_account_by_now_goes_on_and_keeps_no_other_one_from_stopping(
    own: Ledger, run: RunRecord
) -> None:
    waiting(own, run, BY_A_PERSON)
    elsewhere = Account(provider="segmind", label="renamed")
    renamed = run.model_copy(update={"key": "e" * 64, "account": elsewhere})
    submitted(own, renamed, "job of another account")
    waiting(own, renamed, BY_A_PERSON)
    assert look(own) == ["job"]


def test_job_of_a_deleted_run_stops_only_if_it_was_seen_cancelled(own: Ledger, run: RunRecord) -> None:
    flow_run = waiting(own, run, BY_A_PERSON)
    delete(flow_run)
    assert look(own) == []
    own.remember_cancelled(str(flow_run))
    assert look(own) == ["job"]


def test_run_that_is_retried_after_it_was_cancelled_waits_again(own: Ledger, run: RunRecord) -> None:
    flow_run = waiting(own, run, BY_A_PERSON)
    own.remember_cancelled(str(flow_run))
    come_to(flow_run, [Scheduled(name="AwaitingRetry")])
    assert look(own) == []


@pytest.fixture
def fal(tmp_path: Path, stack: Stack) -> Iterator[EmulatorControl]:
    """A provider that cancels, with a credentials block `fal-credentials/of-a-test`."""
    del stack
    with running_emulator("fal", tmp_path / "fal", progress=Progress.after_seconds(3600)) as control:
        FalCredentials(api_key=control.api_key, base_url=control.url).save("of-a-test", overwrite=True)
        yield control


def test_person_who_cancels_a_run_stops_its_job_and_is_asked_before_another_one_is_paid(
    stack: Stack, fal: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    recipe = {**wish["recipe"], "trainer": "fal-flux-lora"}
    wish = {**wish, "recipe": recipe, "credentials": "fal-credentials/of-a-test"}
    flow_run = start(wish)
    wait_for(flow_run, "Suspended")
    with sensor_paused(), get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run, Cancelling())  # as the UI does
        assert state_of(flow_run).name == "Cancelled"
        assert "jobs cancelled: 1" in (tick(stack.store_slug).message or "")
        tick(stack.store_slug)
    wait_until("its page says so", lambda: "is being cancelled at fal" in log_of(flow_run))
    work = ledger.run(str(flow_run))
    assert work is not None
    end = ledger.last(work.key)
    assert isinstance(end, Abandoned)
    assert end.cancelled_run == str(flow_run)
    assert not ledger.is_marked(work)
    other = start(wish)
    wait_for(other, "Suspended")
    question, _ = question_of(other)
    assert f"a person has cancelled {end.name}" in (question.message or "")
    answer(other, "reject: abandon it", "the captions are wrong")
    wait_for(other, "Failed")
    assert [entry.name for entry in fal.billing()] == [end.name]

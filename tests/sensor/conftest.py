from __future__ import annotations

from collections.abc import Callable

import pytest

from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import record_job_id
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import Claimed, RunRecord
from tuneloop.schemas.training import Submission, job_name
from tuneloop.sensor.poll import poll_all
from tuneloop.sensor.tick import TickResult

PutInFlight = Callable[[int], list[RunRecord]]


@pytest.fixture
def put_in_flight(
    ledger: Ledger, run: RunRecord, provider: SegmindProvider, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> PutInFlight:
    """Puts so many trainings of one account in flight, at the provider and in the ledger."""
    uploaded = provider.deliver("a-name", archive)

    def put(count: int) -> list[RunRecord]:
        runs = []
        for number in range(1, count + 1):
            flow_run = f"00000000-0000-0000-0000-{number:012d}"
            mine = run.model_copy(update={"key": f"{number:016x}" + "0" * 48, "flow_run": flow_run})
            ledger.mark(ledger.save_run(mine))
            name = job_name(mine.key, 1)
            claim = Claimed(
                created_at=now(),
                attempt=1,
                name=name,
                nonce="n",
                flow_run=flow_run,
                submit_deadline=now(),
                take_over_after=now(),
                account=mine.account,
                credentials=mine.credentials,
                dataset_digest=mine.dataset_digest,
                recipe=mine.recipe,
            )
            ledger.append(mine.key, None, claim)
            job_id = provider.submit(name, recipe, uploaded, Deadline(60)).job_id
            record_job_id(TrainingLog(ledger, mine.key, 1), Submission(job_id=job_id), "answer")
            runs.append(mine)
        return runs

    return put


def look(ledger: Ledger, provider: SegmindProvider) -> TickResult:
    return poll_all(ledger, lambda _: provider)


def moved(tick: TickResult) -> list[str]:
    return sorted(pending.run.flow_run for pending in tick.pending if not pending.submitting)

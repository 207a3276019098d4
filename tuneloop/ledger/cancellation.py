"""Cancel the job of a training that nobody waits for any more, because a person has cancelled its runs."""

from __future__ import annotations

from collections.abc import Callable

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.schemas.records import CancelAnswer, CancelRequest, Submitted
from tuneloop.schemas.training import Submission

_FOLDER = "cancelled-jobs/"


def answered_jobs(ledger: Ledger) -> set[str]:
    """Names of the jobs that need not be asked about again."""
    return {name.split("/")[1] for name in ledger.store.names(_FOLDER) if name.endswith("/answer.json")}


def cancel_job(
    provider: Provider, training: TrainingLog, flow_run: str, is_unwanted: Callable[[], bool]
) -> CancelAnswer | None:
    """Ask the provider to stop a submitted job. What comes of that is found by polling, as ever.

    Each request is recorded first, in a folder of its own. Whoever dies before the answer is recorded, or is told
    nothing, leaves it to the next tick to ask again, which does no harm: a job stops once. A request that comes to
    nothing is withdrawn, so that a failure of the job's own is told from it: `Ledger.cancel_request`.

    Args:
        provider: The account that has the job.
        training: The attempt, as it was read just now.
        flow_run: A run that a person has cancelled, and that waits for the job.
        is_unwanted: Reads once more, after the request is recorded, that nobody else has come to wait for the job.

    Returns:
        The answer, also where the provider cannot stop a job; None where there is nothing to ask.

    Raises:
        ProviderError: It is not known whether the job stops.
    """
    ledger, last = training.ledger, training.last
    if not isinstance(last, Submitted):
        return None
    request = CancelRequest(created_at=now(), job_id=last.job_id, flow_run=flow_run)
    folder, accepted = f"{_FOLDER}{training.name}/{request.writer_id}/", False
    if provider.capabilities.cancel:
        ledger.create_record(f"{folder}request.json", request)
        if not is_unwanted():
            ledger.store.create(f"{folder}withdrawn", b"")
            return None
        accepted = provider.cancel(Submission.of(last))
    answer = CancelAnswer(created_at=now(), accepted=accepted)
    ledger.create_record(f"{folder}answer.json", answer)
    return answer

"""Cancel the jobs that nobody waits for any more, because a person has cancelled their runs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_run_logger
from prefect.logging.loggers import flow_run_logger

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.cancellation import answered_jobs, cancel_job
from tuneloop.ledger.ledger import Ledger, Marker
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.run_queries import runs_by_id
from tuneloop.providers.base import Provider

_AT_ONCE = 50
"""Jobs that one tick asks providers to stop."""


class _Job(NamedTuple):
    account: str
    name: str


def cancel_jobs(
    client: SyncPrefectClient,
    ledger: Ledger,
    open_account: Callable[[str], Provider],
    markers: Iterable[Marker],
    cancelled: set[str],
) -> int:
    """Ask the providers to stop the jobs that only cancelled runs wait for. Returns how many are to stop.

    `cancelled` are the runs that a person has cancelled. A run that crashed, or was deleted before it was seen
    cancelled, is none of them: another one continues it. One that was retried since then waits again.
    """
    waiting: dict[_Job, set[str]] = defaultdict(set)
    for marker in markers:
        waiting[_Job(marker.account, marker.job)].add(marker.flow_run)
    unwanted = [job for job, flow_runs in waiting.items() if flow_runs <= cancelled]
    answered = answered_jobs(ledger) if unwanted else set()
    left = [job for job in unwanted if job.name not in answered]
    # No order is kept between ticks: chance gives everyone a turn.
    left = random.sample(left, min(len(left), _AT_ONCE))
    runs = runs_by_id(client, chain.from_iterable(waiting[job] for job in left))
    accepted = 0
    for job in left:
        shown = [runs[flow_run] for flow_run in waiting[job] if flow_run in runs]
        if not all(run.state is not None and run.state.is_cancelled() for run in shown):
            continue
        try:
            accepted += _cancel(ledger, open_account, job, shown, cancelled)
        except Exception as error:  # noqa: BLE001 - the others are asked for, whatever is wrong with this one
            get_run_logger().warning("%s is not cancelled yet, the next tick tries again: %s", job.name, error)
    return accepted


def _cancel(
    ledger: Ledger, open_account: Callable[[str], Provider], job: _Job, shown: list[FlowRun], cancelled: set[str]
) -> bool:
    """Ask for one job, and say on the pages of its runs what came of that."""

    def waiting() -> set[str]:
        return ledger.waiting_for(job.account, job.name)

    run = next(filter(None, (ledger.run(flow_run, job.name) for flow_run in sorted(waiting()))), None)
    if run is None:
        return False
    provider = open_account(run.credentials)
    if provider.account.slug != job.account:
        raise ConfigurationError(f"{run.credentials} is {provider.account.slug} now; give it its old label again")
    training = TrainingLog.of(ledger, run)
    answer = cancel_job(provider, training, run.flow_run, lambda: waiting() <= cancelled)
    if answer is None:
        return False
    if answer.accepted:
        said = f"{job.name} is being cancelled at {provider.name}; what was billed by then counts as paid"
    else:
        why = "did not accept that" if provider.capabilities.cancel else "cannot cancel a job"
        said = (
            f"{job.name} is not cancelled, for {provider.name} {why}: its weights are collected when it has "
            "ended, and the next run continues with them"
        )
    for logger in (get_run_logger(), *map(flow_run_logger, shown)):
        logger.info("%s", said)
    return answer.accepted

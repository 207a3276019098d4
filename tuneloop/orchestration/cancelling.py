"""Cancel the jobs that nobody waits for any more, because a person has cancelled their runs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
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


class WatchedStore(NamedTuple):
    """One store, as a tick has read it."""

    ledger: Ledger
    markers: list[Marker]
    cancelled: set[str]
    """The runs among those that have left the markers that a person has cancelled. A run that crashed, or was
    deleted before it was seen cancelled, is none of them: another one continues it."""


class _Job(NamedTuple):
    account: str
    name: str


def cancel_jobs(
    client: SyncPrefectClient, stores: Sequence[WatchedStore], open_account: Callable[[str], Provider]
) -> int:
    """Ask the providers to stop the jobs that only cancelled runs wait for. Returns how many are to stop.

    Runs of several stores may wait for the same job. A run that was retried since it was cancelled waits again.
    """
    waiting: dict[_Job, set[str]] = defaultdict(set)
    for marker in chain.from_iterable(store.markers for store in stores):
        waiting[_Job(marker.account, marker.job)].add(marker.flow_run)
    cancelled = {flow_run for store in stores for flow_run in store.cancelled}
    unwanted = {job for job, flow_runs in waiting.items() if flow_runs <= cancelled}
    left = [(store.ledger, job) for store in stores for job in _not_asked(store, unwanted)]
    # No order is kept between ticks: chance gives everyone a turn.
    left = random.sample(left, min(len(left), _AT_ONCE))
    runs = runs_by_id(client, chain.from_iterable(waiting[job] for _, job in left))
    accepted = 0
    for ledger, job in left:
        shown = [runs[flow_run] for flow_run in waiting[job] if flow_run in runs]
        if not all(run.state is not None and run.state.is_cancelled() for run in shown):
            continue
        is_unwanted = partial(_only_wait, cancelled, stores, job)
        try:
            accepted += _cancel(ledger, open_account, job, shown, is_unwanted)
        except Exception as error:  # noqa: BLE001 - the others are asked for, whatever is wrong with this one
            get_run_logger().warning("%s is not cancelled yet, the next tick tries again: %s", job.name, error)
    return accepted


def _not_asked(store: WatchedStore, unwanted: set[_Job]) -> set[_Job]:
    """Those of some jobs that a store's runs wait for, and that need to be asked about."""
    own = unwanted.intersection(_Job(marker.account, marker.job) for marker in store.markers)
    answered = answered_jobs(store.ledger) if own else set()
    return {job for job in own if job.name not in answered}


def _only_wait(cancelled: set[str], stores: Sequence[WatchedStore], job: _Job) -> bool:
    """Read anew, in every store, that no other runs wait for a job."""
    return all(store.ledger.waiting_for(job.account, job.name) <= cancelled for store in stores)


def _cancel(
    ledger: Ledger,
    open_account: Callable[[str], Provider],
    job: _Job,
    shown: list[FlowRun],
    is_unwanted: Callable[[], bool],
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
    answer = cancel_job(provider, training, run.flow_run, is_unwanted)
    if answer is None:
        return False
    if answer.accepted:
        said = f"{job.name} is being cancelled at {provider.name}; what was billed by then counts as paid"
    else:
        why = "did not accept that" if provider.capabilities.cancel else "cannot cancel a job"
        said = (
            f"{job.name} is not cancelled, because {provider.name} {why}: its weights are collected when it has "
            "ended, and the next run continues with them"
        )
    for logger in (get_run_logger(), *map(flow_run_logger, shown)):
        logger.info("%s", said)
    return answer.accepted

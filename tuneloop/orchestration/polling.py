"""A tick of the sensor: poll every store, emit what was found, and resume its runs."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from prefect.states import Completed, Failed

from tuneloop.clock import now
from tuneloop.http.retries import TICK_POLICY
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import drive_store, open_provider
from tuneloop.orchestration.cancelling import WatchedStore, cancel_jobs
from tuneloop.orchestration.events import emit_changes, emit_training_event, emit_unknown_status, emit_unreachable
from tuneloop.orchestration.models_changes import may_have_changed
from tuneloop.orchestration.recovery import ResumeResult, resume_runs
from tuneloop.orchestration.run_queries import note_cancelled
from tuneloop.orchestration.sensor_runs import IDLE, LATE, delete_idle_runs, is_superseded, previous_tick
from tuneloop.schemas.training import job_name
from tuneloop.sensor.inspection import mark_overdue_notified, mark_status_notified
from tuneloop.sensor.poll import poll_all
from tuneloop.sensor.tick import TickResult
from tuneloop.sensor.transitions import Transition


class _StoreResult(NamedTuple):
    """What a tick has found and done in one store."""

    tick: TickResult
    resumed: ResumeResult
    watched: WatchedStore | None
    """None where the store could not be read."""


def poll_trainings(stores: list[str], account: str | None = None) -> State[Any]:
    """Poll every training in progress in these stores, and resume the runs that can continue.

    A tick that starts late leaves that to a newer one. An account that is named, PROVIDER.LABEL, is due at once.
    """
    with get_client(sync_client=True) as client:
        if account is None and is_superseded(client):
            return Completed(name=LATE, message="Started late; a newer tick polls instead.")
        previous = previous_tick(client)
        results = [_poll_store(client, slug, previous, account) for slug in stores]
        jobs_cancelled = _cancel_jobs(client, results)
        delete_idle_runs(client, previous)
        pages = _update_pages(client, stores, previous)
    in_progress = sum(tick.in_flight for tick, _, _ in results)
    counts = {
        "recorded": sum(len(tick.changes) for tick, _, _ in results),
        "resumed": sum(resumed.resumed for _, resumed, _ in results),
        "continued by another run": sum(resumed.continued for _, resumed, _ in results),
        "closed": sum(resumed.closed for _, resumed, _ in results),
        "jobs cancelled": jobs_cancelled,
        "overdue": sum(len(tick.overdue) for tick, _, _ in results),
        "unknown statuses": sum(len(tick.unknown_statuses) for tick, _, _ in results),
    }
    if any(counts.values()):
        _publish_table(stores, results)
    done = ", ".join(f"{what}: {count}" for what, count in (counts | pages).items() if count)
    if problems := [problem for tick, _, _ in results for problem in tick.problems]:
        return Failed(message="; ".join(problems))
    if not done:
        return Completed(name=IDLE, message=f"{in_progress} trainings in progress, no changes.")
    return Completed(message=f"{in_progress} trainings in progress; {done}.")


def _poll_store(
    client: SyncPrefectClient, slug: str, previous: datetime | None, account: str | None
) -> _StoreResult:
    """Poll for one store; what needs a manual fix is among the tick's problems."""
    tick, resumed, watched = TickResult(), ResumeResult(), None
    try:
        ledger = Ledger(drive_store(slug))
        tick = poll_all(ledger, partial(open_provider, policy=TICK_POLICY), previous, account)
        _emit(ledger, tick)
        # Of all runs, whether there is anything to do or not: a cancelled one may be deleted at any time.
        cancelled = note_cancelled(client, ledger, [marker.flow_run for marker in tick.markers])
        resumed = resume_runs(client, ledger, slug, tick.pending, now())
        watched = WatchedStore(ledger, tick.markers, cancelled)
    except Exception as error:  # noqa: BLE001 - the other stores are polled, whatever is wrong with this one
        tick.problems.append(str(error) or type(error).__name__)
    tick.problems = [f"{slug}: {problem}" for problem in dict.fromkeys([*tick.problems, *resumed.problems])]
    return _StoreResult(tick, resumed, watched)


def _cancel_jobs(client: SyncPrefectClient, results: list[_StoreResult]) -> int:
    """Stop the jobs that nobody waits for in any store: one that cannot be read may have a run that does."""
    watched = [result.watched for result in results if result.watched is not None]
    if not any(store.cancelled for store in watched):
        return 0
    if len(watched) < len(results):
        get_run_logger().warning("no job is cancelled in this tick, because not every store could be read")
        return 0
    try:
        return cancel_jobs(client, watched, partial(open_provider, policy=TICK_POLICY))
    except Exception as error:  # noqa: BLE001 - what was found in the stores is told all the same
        get_run_logger().warning("jobs are not cancelled yet, the next tick tries again: %s", error)
        return 0


def _update_pages(client: SyncPrefectClient, stores: list[str], previous: datetime | None) -> Counter[str]:
    """Write the pages of models anew that show something else by now. Returns how many were written, or not."""
    done: Counter[str] = Counter()
    if deployment.id is None:  # a tick that somebody makes by hand
        return done
    at, changed = now(), None
    for slug in stores:
        key = "models" if len(stores) == 1 else f"models-{slug.replace('/', '-')}"
        try:
            changed = may_have_changed(client, previous, at) if changed is None else changed
            if changed and _is_page_updated(client, slug, key, at):
                get_run_logger().info("%s: the page of all models was written", slug)
                done["pages of models written"] += 1
        except Exception as error:  # noqa: BLE001 - a page is no reason for a tick to fail, nor for another page
            why = error or type(error).__name__
            get_run_logger().warning("%s: the page of all models was not written: %s", slug, why)
            done["pages of models not written"] += 1
    return done


def _is_page_updated(client: SyncPrefectClient, slug: str, key: str, at: datetime) -> bool:
    # Most ticks find nothing changed, and need no page.
    from tuneloop.orchestration.models_page import update_models_page  # noqa: PLC0415

    return update_models_page(client, Ledger(drive_store(slug)), slug, key, at)


def _emit(ledger: Ledger, tick: TickResult) -> None:
    """Log and emit what a poll has found; only then it is remembered that this was done."""
    logger = get_run_logger()
    for note in tick.notes:
        logger.info("%s", note)
    for change in tick.changes:
        logger.info("%s is %s", change.record.name, change.record.state)
    emit_changes(tick.changes)
    for run in tick.overdue:
        job = job_name(run.key, run.attempt)
        logger.warning("%s of model %s takes unusually long; check it", job, run.model)
        emit_training_event("overdue", run)
        mark_overdue_notified(ledger, run, job)
    for unknown in tick.unknown_statuses:
        emit_unknown_status(unknown)
        mark_status_notified(ledger, unknown)
    for revived in tick.revived:
        emit_training_event("revived", revived.run, revived.record)
    for unreached in tick.unreached:
        emit_unreachable(unreached)


def _publish_table(stores: list[str], results: list[_StoreResult]) -> None:
    """Publish what this tick saw and did."""
    table = []
    for store, (tick, resumed, _) in zip(stores, results, strict=True):
        rows = {f"{account}: {word}": str(count) for (account, word), count in sorted(tick.states.items())}
        rows |= {
            "oldest": f"{(now() - tick.oldest).total_seconds() / 3600:.1f} h" if tick.oldest else "",
            "requests to providers": str(tick.requests),
            "recorded": str(len(tick.changes)),
            "longest time from the provider's change to our record": _lag(tick.changes),
            "runs resumed": str(resumed.resumed),
            "runs continued by another one": str(resumed.continued),
        }
        table += [{"store": store, "what": what, "value": value} for what, value in rows.items()]
    create_table_artifact(key="trainings-in-flight", table=table, description="What the sensor saw and did")


def _lag(changes: list[Transition]) -> str:
    lags = [
        (change.record.created_at - change.job.changed_at).total_seconds()
        for change in changes
        if change.job is not None and change.job.changed_at is not None
    ]
    return f"{max(lags):.0f} s" if lags else "the provider gives no time"

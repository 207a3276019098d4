"""The sensor: one look at every training in flight."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from tuneloop.clock import now
from tuneloop.http.retries import TICK_POLICY
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import drive_store, open_provider
from tuneloop.orchestration.cancelled_runs import note_cancelled
from tuneloop.orchestration.events import emit_changes, emit_training_event, emit_unknown_status, emit_unreachable
from tuneloop.orchestration.resume import resume_runs
from tuneloop.orchestration.resume_run import ResumeResult
from tuneloop.orchestration.sensor_runs import IDLE, LATE, delete_idle_runs, newer_tick, previous_tick
from tuneloop.schemas.training import job_name
from tuneloop.sensor.inspection import mark_overdue_notified, mark_status_notified
from tuneloop.sensor.poll import poll_all
from tuneloop.sensor.tick import TickResult
from tuneloop.sensor.transitions import Transition


@flow(name="watch-trainings")
def watch_trainings(stores: list[str], account: str | None = None) -> State[Any]:
    """Look at every training in flight and wake the runs whose training has moved on.

    Asks each account once, whatever the number of trainings, and keeps no memory: a tick that dies or fails is
    made good by the next one. Where a run is gone and its training goes on, another run is started to continue
    it. Give this deployment a schedule; it is what suspended runs rely on.

    Args:
        stores: Stores to watch: s3-bucket/NAME or local-file-system/NAME.
        account: Only this account, PROVIDER.LABEL, at once and in full; a webhook asks for that.
    """
    with get_client(sync_client=True) as client:
        previous = None
        if account is None:
            younger = newer_tick(client)
            if younger is not None:
                return Completed(name=LATE, message=f"Started late; {younger} looks instead.")
            previous = previous_tick(client)
        looks = [_poll_store(client, slug, previous, account) for slug in stores]
        delete_idle_runs(client)
    problems = [problem for tick, _ in looks for problem in tick.problems]
    in_flight = sum(tick.in_flight for tick, _ in looks)
    idle = not any(woken.any or tick.changes or tick.overdue for tick, woken in looks)
    if not idle:
        _show(stores, looks)
    if problems:
        return Failed(message="; ".join(problems))
    if idle:
        return Completed(name=IDLE, message=f"{in_flight} in flight, none has moved on.")
    done = ", ".join(
        f"{sum(numbers)} {word}"
        for word, numbers in (
            ("written down", [len(tick.changes) for tick, _ in looks]),
            ("woken", [woken.resumed for _, woken in looks]),
            ("continued by another run", [woken.continued for _, woken in looks]),
            ("closed", [woken.closed for _, woken in looks]),
        )
    )
    return Completed(message=f"{in_flight} in flight: {done}.")


def _poll_store(
    client: SyncPrefectClient, slug: str, previous: datetime | None, account: str | None
) -> tuple[TickResult, ResumeResult]:
    """Look at one store; what a person has to mend is among the tick's problems."""
    tick, woken = TickResult(), ResumeResult()
    try:
        ledger = Ledger(drive_store(slug))
        tick = poll_all(ledger, partial(open_provider, policy=TICK_POLICY), previous, account)
        _tell(ledger, tick)
        # Of all runs, be there anything to do or not: one that was cancelled may be deleted at any time.
        note_cancelled(client, ledger, tick.flow_runs)
        woken = resume_runs(client, ledger, slug, [*tick.stories, *tick.submitting], now())
    except Exception as error:  # noqa: BLE001 - the other stores are looked at, whatever is wrong with this one
        tick.problems.append(str(error) or type(error).__name__)
    problems = dict.fromkeys([*tick.problems, *woken.problems])
    tick.problems = [f"{slug}: {problem}" for problem in problems]
    return tick, woken


def _tell(ledger: Ledger, tick: TickResult) -> None:
    """Log what a look has found, and tell it as events; what is told once is remembered only then."""
    logger = get_run_logger()
    for note in tick.notes:
        logger.info("%s", note)
    for change in tick.changes:
        logger.info("%s is %s", change.record.name, change.record.state)
    emit_changes(tick.changes)
    for run in tick.overdue:
        job = job_name(run.key, run.attempt)
        logger.warning("%s of model %s takes unusually long; look at it", job, run.model)
        emit_training_event("overdue", run)
        mark_overdue_notified(ledger, run, job)
    for odd in tick.odd_words:
        emit_unknown_status(odd)
        mark_status_notified(ledger, odd)
    for revived in tick.revived:
        emit_training_event("revived", revived.run, revived.record)
    for unreached in tick.unreached:
        emit_unreachable(unreached)


def _show(stores: list[str], looks: list[tuple[TickResult, ResumeResult]]) -> None:
    """Publish what this tick saw and did, as a table."""
    table = []
    for store, (tick, woken) in zip(stores, looks, strict=True):
        age = f"{(now() - tick.oldest).total_seconds() / 3600:.1f} h" if tick.oldest else ""
        table += [
            {"store": store, "what": f"{account}: {word}", "value": str(count)}
            for (account, word), count in sorted(tick.states.items())
        ]
        table += [
            {"store": store, "what": what, "value": value}
            for what, value in (
                ("oldest", age),
                ("requests to providers", str(tick.requests)),
                ("written down", str(len(tick.changes))),
                ("longest from the provider's change to our record", _lag(tick.changes)),
                ("runs woken", str(woken.resumed)),
                ("runs continued by another one", str(woken.continued)),
            )
        ]
    create_table_artifact(key="trainings-in-flight", table=table, description="What the sensor saw and did")


def _lag(changes: list[Transition]) -> str:
    lags = [
        (change.record.created_at - change.job.changed_at).total_seconds()
        for change in changes
        if change.job is not None and change.job.changed_at is not None
    ]
    return f"{max(lags):.0f} s" if lags else "the provider tells no time"

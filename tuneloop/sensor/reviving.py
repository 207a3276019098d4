"""Jobs that live on although the ledger has them as failed, refused or never made: they are followed again."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta

from tuneloop.errors import StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.markers import BadEnd, Marker
from tuneloop.ledger.reconciliation import revive
from tuneloop.schemas.records import Submitted
from tuneloop.sensor.queries import QueryResult
from tuneloop.sensor.tick import Revived, TickResult

LOOKED_FOR = timedelta(days=7)
"""So long after a bad end an account is asked about it, even where nobody waits for anything else there."""
_AT_MOST = 20
"""Bad ends of an account for whose sake it is asked."""


def bad_ends(ledger: Ledger) -> dict[str, dict[BadEnd, datetime]]:
    """Every job that has come to a bad end, with the store's time of that, by account."""
    found: dict[str, dict[BadEnd, datetime]] = defaultdict(dict)
    for name, since in ledger.store.written("ended/"):
        parts = name.split("/")
        if len(parts) == 4:  # noqa: PLR2004 - ended/account/job/key
            found[parts[1]][BadEnd(parts[1], parts[2], parts[3])] = since
    return found


def looked_for(ledger: Ledger, ends: dict[BadEnd, datetime], at: datetime) -> list[Marker]:
    """The youngest bad ends as if somebody waited for them, so that their account is asked."""
    young = sorted((since, end) for end, since in ends.items() if at - since < LOOKED_FOR)
    found = []
    for since, end in young[-_AT_MOST:]:
        with suppress(StoreError):
            flow_run = ledger.store.read(end.name).decode(errors="replace")
            found.append(Marker(end.account, end.job, flow_run, since))
    return found


def follow_the_revived(ledger: Ledger, ends: dict[BadEnd, datetime], asked: QueryResult, tick: TickResult) -> None:
    """Follow every job again that the provider's list shows alive after its bad end, in words that are known."""
    for end in ends if asked.complete else ():
        for job in [job for job in asked.jobs.get(end.job, []) if job.phase != "failed" and job.known]:
            record = revive(ledger, end, job)
            if isinstance(record, Submitted):
                run = ledger.run_of(end)
                tick.problems.append(f"{end.job}: job {job.job_id} had come to a bad end and lives ({job.word})")
                tick.revived += [Revived(run, record)] if run else []
            elif record is not None:
                tick.problems.append(f"{end.job}: job {job.job_id} lives beside job {record.followed}")

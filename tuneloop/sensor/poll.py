"""One poll of every training in flight: a list call per account, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord, ProviderUnavailable, RateLimited, StoreError
from tuneloop.ledger.accounts import NOTIFY_AFTER, UNREACHED, AccountMarks, JobNameCache
from tuneloop.ledger.ledger import FailedJob, Ledger, Marker
from tuneloop.ledger.reconciliation import revive
from tuneloop.providers.base import Provider
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.records import Submitted
from tuneloop.sensor.inspection import AccountQuery, inspect_markers
from tuneloop.sensor.queries import QueryResult, query_account
from tuneloop.sensor.tick import Revived, TickResult, Unreached

_AT_ONCE = 8
PAUSE_S = 60.0
"""For how long a rate-limited account is left alone that does not say for how long."""
_QUERIED_FOR = timedelta(days=7)
"""So long after a failure an account is queried about it, even where no run waits for anything else there."""
_MAX_FAILED_JOBS = 20
"""Bad ends of an account for whose sake it is queried."""


def poll_all(
    ledger: Ledger,
    open_provider: Callable[[str], Provider],
    previous: datetime | None = None,
    account: str | None = None,
) -> TickResult:
    """Query each account that is due, record what has ended, and name the runs that have something to do.

    Has no memory and may die anywhere: the next poll finds the same again. Two at once do no harm. Whatever goes
    wrong with one account or one marker stays with it.

    Args:
        ledger: The ledger of one store.
        open_provider: Opens a credentials block by its slug.
        previous: When the tick before polled, None if unknown; it only decides what is due.
        account: Slug of an account that is due whatever the cadence, because it has announced a change.
    """
    markers: dict[str, list[Marker]] = defaultdict(list)
    for marker in ledger.markers():
        markers[marker.account].append(marker)
    failed: dict[str, dict[FailedJob, datetime]] = defaultdict(dict)
    for job, since in ledger.failed_jobs():
        failed[job.account][job] = since
    polls = [
        _AccountPoll(
            ledger, slug, markers[slug], failed[slug], open_provider, None if slug == account else previous
        )
        for slug in dict.fromkeys([*markers, *failed])
    ]
    tick = TickResult(markers=[marker for found in markers.values() for marker in found])
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        # Each at its own pace: one that does not answer delays only the end of the tick.
        for found in [threads.submit(copy_context().run, each.poll) for each in polls]:
            tick.add(found.result())
    return tick


@dataclass
class _AccountPoll:
    """One poll of one account, given by its slug, for its markers and its failed jobs."""

    ledger: Ledger
    account: str
    markers: list[Marker]
    failed: dict[FailedJob, datetime]
    open_provider: Callable[[str], Provider]
    previous: datetime | None

    def __post_init__(self) -> None:
        self.at, self.marks = now(), AccountMarks(self.ledger, self.account)
        oldest = min((marker.since for marker in self.markers), default=None)
        self.tick = TickResult(in_flight=len(self.markers), oldest=oldest)

    def poll(self) -> TickResult:
        """Query the account, and see what that means for each marker."""
        try:
            troubles = self.marks.troubles()
            waiting = [*self.markers, *_as_markers(self.ledger, self.failed, self.at)]
            result = self._query(waiting) if waiting else QueryResult()
            self._remember_whether_reached(result, troubles.get(UNREACHED))
            if result is not None:
                self._note_invalid_rows(result)
                _follow_revived(self.ledger, self.failed, result, self.tick)
            query = AccountQuery(self.ledger, result or QueryResult(), self.at, troubles)
            inspect_markers(query, self.markers, self.tick)
        except Exception as error:  # noqa: BLE001 - the other accounts are looked at, whatever is wrong with this one
            self.tick.problems.append(f"{self.account}: {_spelled(error)}")
        return self.tick

    def _query(self, waiting: list[Marker]) -> QueryResult | None:
        """Query the account, unless it is to be left alone. Returns None where it has not answered."""
        if (until := self.marks.paused_until(self.at)) is not None:
            self._note(f"paused until {until:%H:%M:%S} UTC at the provider's request")
            return None
        wrong: list[str] = []
        for provider in self._providers(waiting, wrong):
            if not provider.capabilities.list_has_status:
                waiting = self.markers  # what such a provider says about an old job is no proof that it lives
            try:
                result = query_account(self.ledger, provider, waiting, self.at, self.previous)
            except RateLimited as error:
                until = self.marks.pause(self.at, error.retry_after_s or PAUSE_S)
                self._note(f"too many requests, polled again after {until:%H:%M:%S} UTC")
                return None
            except ProviderUnavailable as error:
                self._note(f"not reached, the next tick tries again: {error}")
                return None
            except Exception as error:  # noqa: BLE001 - another run may name a block that works
                wrong.append(_spelled(error))
            else:
                self.tick.notes += [f"{self.account}: {item}" for item in wrong]
                return result
            finally:
                self.tick.requests += provider.requests_made
        # No run waits for an account without markers.
        found = self.tick.problems if self.markers else self.tick.notes
        found += [f"{self.account}: {item}" for item in wrong]
        if not wrong:
            self._note(f"{len(waiting)} markers without a run file are ignored")
        return None

    def _providers(self, waiting: list[Marker], wrong: list[str]) -> Iterator[Provider]:
        """Open the account by one after another of the blocks that its runs name; those that fail are noted."""
        tried = set()
        for marker in waiting:
            run = None
            with suppress(CorruptRecord):  # named where its marker is settled
                run = self.ledger.run(marker.flow_run, marker.job)
            if run is None or run.credentials in tried:
                continue
            tried.add(run.credentials)
            try:
                provider = self.open_provider(run.credentials)
                provider.job_names = JobNameCache(self.ledger.store, self.account)
            except Exception as error:  # noqa: BLE001 - as above
                wrong.append(_spelled(error))
                continue
            if provider.account.slug == self.account:
                yield provider
            else:
                wrong.append(f"{run.credentials} is {provider.account.slug} now; give it its old label again")

    def _remember_whether_reached(self, result: QueryResult | None, since: datetime | None) -> None:
        """Remember since when the account could not be queried; after an hour that is a problem."""
        if result is not None and result.answered:
            if since is not None:
                self.marks.trouble_ended(UNREACHED)
            return
        if result is None and since is None:
            self.marks.trouble_began(UNREACHED)
        if self.markers and since is not None and self.at - since >= NOTIFY_AFTER:
            why = next(reversed([*self.tick.problems, *self.tick.notes]), "it has not responded")
            self.tick.problems.append(
                f"{self.account} could not be reached since {since:%Y-%m-%d %H:%M} UTC; the last time: {why}"
            )
            self.tick.unreached.append(Unreached(self.account, since, why))

    def _note_invalid_rows(self, result: QueryResult) -> None:
        """Note invalid rows of a list, once a day each."""
        for note in result.notes:
            name = f"unknown-statuses/{self.account}/{self.at:%Y-%m-%d}-{digest_of(note)[:16]}.txt"
            if not self.ledger.store.exists(name):
                self._note(note)
                self.ledger.store.create(name, note.encode())

    def _note(self, note: str) -> None:
        self.tick.notes.append(f"{self.account}: {note}")


def _spelled(error: Exception) -> str:
    return str(error) or type(error).__name__


def _as_markers(ledger: Ledger, failed: dict[FailedJob, datetime], at: datetime) -> list[Marker]:
    """The youngest failed jobs as if a run waited for them, so that their account is queried."""
    young = sorted((since, job) for job, since in failed.items() if at - since < _QUERIED_FOR)
    found = []
    for since, job in young[-_MAX_FAILED_JOBS:]:
        with suppress(StoreError):
            flow_run = ledger.store.read(job.name).decode(errors="replace")
            found.append(Marker(job.account, job.job, flow_run, since))
    return found


def _follow_revived(ledger: Ledger, failed: Iterable[FailedJob], result: QueryResult, tick: TickResult) -> None:
    """Follow every job again that the provider's list shows alive after its failure, in a known status."""
    for end in failed if result.complete else ():
        for job in result.jobs.get(end.job, []):
            if job.phase == "failed" or not job.known:
                continue
            record = revive(ledger, end, job)
            if isinstance(record, Submitted):
                run = ledger.run_of(end)
                tick.problems.append(
                    f"{end.job}: job {job.job_id} was recorded as failed and is alive ({job.provider_status})"
                )
                tick.revived += [Revived(run, record)] if run else []
            elif record is not None:
                tick.problems.append(f"{end.job}: job {job.job_id} is alive beside job {record.followed}")

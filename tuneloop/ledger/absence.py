"""When a job that the provider's list does not show was never accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.schemas.records import Claimed, Collected, Submitted, Trained
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Account, JobList

_SUBMITS = 2
"""How often an attempt is submitted before a person must look, whatever became of it."""
_MARKERS_READ = 20
_SLOTS_READ = 10


def why_not_again(provider: Provider, training: TrainingLog, credentials: str, shown: JobList) -> str | None:
    """Say why a claim that came to nothing may not be claimed again without a person, None where it may.

    Args:
        provider: Whose list it is.
        training: A claimed training, after every margin.
        credentials: Slug of the credentials block by which the list was read.
        shown: The provider's jobs of the training, from a list that was started after every margin.
    """
    return next(_reasons(provider, training, credentials, shown), None)


def _reasons(provider: Provider, training: TrainingLog, credentials: str, shown: JobList) -> Iterator[str]:
    claim = training.last
    if not isinstance(claim, Claimed):
        yield f"{training.name} is not claimed"
        return
    doubt = f"the submit of {claim.name} had no clear answer"
    if now() <= claim.take_over_after:
        yield f"{doubt}, and it may still be accepted"
    search = f"look for the name {claim.name} in its console"
    if any(map(training.is_evidence, shown.named(claim.name))) or claim.name in shown.unreadable:
        yield f"{doubt}, and a job of that name is there now"
    if not provider.capabilities.list_is_complete:
        yield f"{doubt}, and {provider.name}'s list may lack accepted jobs: {search} before it is submitted again"
    if training.submits >= _SUBMITS:
        yield f"{training.submits} submits of {claim.name} had no clear answer: {search}"
    if claim.credentials != credentials:
        yield (
            f"{doubt}, and only {claim.credentials}, by which it was submitted, can show that it came to nothing; "
            f"this run has {credentials}"
        )
    if shown.may_be_cut:
        yield f"{doubt}, and {provider.name}'s list may be cut, or show names in another form: {search}"
    lag = timedelta(seconds=provider.margins.list_lag_s)
    for job_id in sorted(_known(training.ledger, claim.account, lag) - shown.shown):
        yield (
            f"{doubt}, and {provider.name}'s list is not whole (it lacks {job_id}, which is known to be there): "
            f"{search}"
        )


def _known(ledger: Ledger, account: Account, lag: timedelta) -> frozenset[str]:
    """Ids of jobs that a whole list of the account shows: those in flight and those made last."""
    latest = now() - lag
    known = set()
    for key, attempt in set(_newest(ledger, account)):
        with suppress(CorruptRecord):
            own = [record for record in ledger.history(key) if record.attempt == attempt]
            submitted = [record for record in own if isinstance(record, Submitted) and record.created_at < latest]
            if submitted and isinstance(own[-1], Submitted | Trained | Collected):
                known.add(submitted[-1].job_id)
    return frozenset(known)


def _newest(ledger: Ledger, account: Account) -> Iterator[tuple[str, int]]:
    markers = (marker for marker in ledger.markers() if marker.account == account.slug)
    for marker in islice(markers, _MARKERS_READ):
        with suppress(CorruptRecord):
            run = ledger.run(marker.flow_run)
            if run is not None:
                yield run.key, run.attempt
    for slot in Budget(ledger, account, SpendingLimits()).newest_slots(_SLOTS_READ):
        if slot.kind == "training":
            yield slot.key, slot.attempt

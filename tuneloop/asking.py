"""What one tick asks of one account: a list where that carries states, else the jobs that are due."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from tuneloop.cadence import is_due
from tuneloop.errors import NotAtProvider, RecordUnreadable
from tuneloop.ledger import Ledger, Marker
from tuneloop.providers.provider import Provider
from tuneloop.training_state import read_training
from tuneloop.values.adopted_recipes import recorded_recipe
from tuneloop.values.cadence import Cadence
from tuneloop.values.records import Claimed, Held, RunFile
from tuneloop.values.training import JobStatus

ALWAYS_ASKED_FROM = 200
"""So many in flight are asked about at every tick: one list call costs less than reading all their records."""
JOBS_A_TICK = 100
"""Jobs that are asked about by themselves, at the most."""


@dataclass
class Asked:
    """What an account has answered.

    Attributes:
        jobs: Jobs by the name that we gave them; more than one of a name should not be.
        complete: Every marker's job was asked about.
    """

    jobs: dict[str, list[JobStatus]] = field(default_factory=lambda: defaultdict(list))
    complete: bool = False


def cadence_of(run: RunFile) -> Cadence:
    """The rhythm of a run's recipe."""
    return recorded_recipe.validate_python(run.recipe).cadence


def ask(
    ledger: Ledger, provider: Provider, markers: list[Marker], at: datetime, previous: datetime | None
) -> Asked:
    """Ask one account, if it is time.

    Args:
        ledger: The ledger.
        provider: The account.
        markers: Its open stories.
        at: When the tick looks.
        previous: When the tick before looked, None where nobody knows.
    """
    if provider.capabilities.list_carries_status:
        return _ask_for_the_list(ledger, provider, markers, at, previous)
    asked = Asked()
    due = [
        marker
        for marker in markers
        if is_due(marker.job, _age_s(marker, at), at, previous, _cadence(ledger, marker))
    ]
    # No order is kept between ticks: chance gives everyone a turn.
    for marker in random.sample(due, min(len(due), JOBS_A_TICK)):
        if marker.job not in asked.jobs:
            asked.jobs[marker.job] = ask_for(ledger, provider, marker)
    return asked


def _ask_for_the_list(
    ledger: Ledger, provider: Provider, markers: list[Marker], at: datetime, previous: datetime | None
) -> Asked:
    asked = Asked()
    youngest = max(markers, key=lambda marker: marker.since)
    if len(markers) < ALWAYS_ASKED_FROM:
        cadence = _cadence(ledger, youngest)
        if not is_due(youngest.account, _age_s(youngest, at), at, previous, cadence):
            return asked
    for job in provider.jobs().jobs:
        asked.jobs[job.name].append(job)
    asked.complete = True
    return asked


def ask_for(ledger: Ledger, provider: Provider, marker: Marker) -> list[JobStatus]:
    """Ask for one job, by its id where that is known, else by its name."""
    try:
        run = ledger.run(marker.flow_run)
        if run is None:
            return []
        training = read_training(ledger, run.key, run.generation)
    except RecordUnreadable:
        return []  # it is named where the marker is settled
    if training.job_id is not None:
        try:
            return [provider.status(training.job_id)]
        except NotAtProvider:
            return []  # no evidence of anything
    if isinstance(training.last, Claimed | Held):
        return list(provider.find(training.stem).named(training.name))
    return []


def _cadence(ledger: Ledger, marker: Marker) -> Cadence:
    try:
        run = ledger.run(marker.flow_run)
    except RecordUnreadable:
        return Cadence()
    return cadence_of(run) if run else Cadence()


def _age_s(marker: Marker, at: datetime) -> float:
    return max(0.0, (at - marker.since).total_seconds())

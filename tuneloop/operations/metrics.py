"""What an operator watches of a store, as Prometheus metrics.

Moments are given as they are and not as ages: an age would stand still in a file that is no longer written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tuneloop.operations.status import OpenTraining
from tuneloop.schemas.spending import Spending, SpendingLimits

_CENTS = 100
_ACCOUNT = ("provider", "account")
_Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, eq=False)
class StoreMetrics(Collector):
    """What is known of one store; nothing is asked here. Accounts are given by their slugs.

    Attributes:
        store: Its block or address. Every sample has it as a label, so that files of several stores go together.
        trainings: The open ones.
        problems: How many things `tuneloop status` names in red.
        duplicate_jobs: How many jobs were paid twice.
        unreached: Since when the sensor has not reached an account.
        spending: What counts of an account in the current 30 days.
        limits: What an account may spend, where that is known.
        last_tick: When the sensor's last poll was due, where that is known.
    """

    store: str
    trainings: Sequence[OpenTraining]
    problems: int
    duplicate_jobs: int
    unreached: Mapping[str, datetime]
    spending: Mapping[str, Spending]
    limits: Mapping[str, SpendingLimits] = field(default_factory=dict)
    last_tick: datetime | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every metric. One of which nothing is known has no samples."""
        yield from self._of_trainings()
        yield from self._of_spending()
        yield self._gauge(
            "account_unreached_timestamp_seconds",
            "Since when the sensor has not reached an account",
            _ACCOUNT,
            {_labels(account): since.timestamp() for account, since in self.unreached.items()},
        )
        yield self._gauge("problems", "Problems that tuneloop status shows in red", (), {(): self.problems})
        yield self._gauge("duplicate_jobs", "Jobs that were paid twice", (), {(): self.duplicate_jobs})
        yield self._gauge(
            "sensor_last_tick_timestamp_seconds",
            "When the last poll of the trainings in flight was due",
            (),
            {(): self.last_tick.timestamp()} if self.last_tick else {},
        )

    def _of_trainings(self) -> Iterator[GaugeMetricFamily]:
        counts: Counter[tuple[str, ...]] = Counter(
            (*_labels(each.account), each.model, each.state) for each in self.trainings
        )
        yield self._gauge(
            "trainings_in_flight",
            "Trainings that a run waits for, by state",
            (*_ACCOUNT, "model", "state"),
            counts,
        )
        oldest: dict[tuple[str, ...], float] = {}
        for each in self.trainings:
            labels = (*_labels(each.account), each.state)
            oldest[labels] = min(each.since.timestamp(), oldest.get(labels, each.since.timestamp()))
        yield self._gauge(
            "training_oldest_timestamp_seconds",
            "Since when the oldest training in a state has been in it",
            (*_ACCOUNT, "state"),
            oldest,
        )

    def _of_spending(self) -> Iterator[GaugeMetricFamily]:
        spent = {_labels(account): each for account, each in self.spending.items()}
        limits = {_labels(account): each for account, each in self.limits.items()}
        yield self._gauge(
            "trainings_today",
            "Trainings that were submitted today (UTC)",
            _ACCOUNT,
            {account: each.trainings_today for account, each in spent.items()},
        )
        yield self._gauge(
            "trainings_today_limit",
            "Trainings that may be submitted in a day",
            _ACCOUNT,
            {a: each.trainings_per_day for a, each in limits.items() if each.trainings_per_day is not None},
        )
        yield self._gauge(
            "spending_dollars",
            "What is reserved in the current 30 days",
            _ACCOUNT,
            {account: each.cents / _CENTS for account, each in spent.items()},
        )
        yield self._gauge(
            "spending_limit_dollars",
            "What may be reserved in 30 days",
            _ACCOUNT,
            {a: each.cents_per_window / _CENTS for a, each in limits.items() if each.cents_per_window is not None},
        )

    def _gauge(self, name: str, text: str, labels: Sequence[str], samples: _Samples) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"tuneloop_{name}", f"{text}.", labels=("store", *labels))
        for values, value in sorted(samples.items()):
            family.add_metric((self.store, *values), value)
        return family


def _labels(account: str) -> tuple[str, str]:
    """Values of the labels of an account, by its slug PROVIDER.LABEL."""
    return account.partition(".")[0], account

"""What an account may spend, and what it has reserved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

from pydantic import Field

from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import Record, RunRecord
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import ModelName

WINDOW_DAYS = 30
WINDOW = timedelta(days=WINDOW_DAYS)
_FIRST_WINDOW = date(1970, 1, 1)
SlotKind = Literal["training", "images"]


class SpendingLimits(FrozenModel):
    """The spending guard of one account."""

    trainings_per_day: int | None = None
    """Trainings that may be submitted within one UTC day; None for no limit."""
    cents_per_window: int | None = None
    """US cents that trainings may cost within 30 days; None for no limit."""
    cents_per_training: int | None = None
    """What one training costs, where the provider publishes no price or bills another one."""
    cents_per_image: float | None = None
    """What one rendered image costs, where the provider publishes no price or bills another one."""
    images_per_model: int | None = None
    """Images that may be rendered to evaluate one model; None for no limit."""

    def price_of_image(self, service: ServiceSettings) -> float | None:
        """What one rendered image costs in US cents, None if unknown."""
        return service.cents_per_image if self.cents_per_image is None else self.cents_per_image


def missing_prices(credentials: str, cents: int | None, cents_per_image: float | None) -> str | None:
    """Which settings to fill in, where a price is not known; None where both are.

    Args:
        credentials: Slug of the account's credentials block.
        cents: Price of a training in US cents, None if unknown.
        cents_per_image: Price of an image in US cents, None if unknown.
    """
    prices = {"dollars_per_training": cents, "dollars_per_image": cents_per_image}
    missing = [name for name, price in prices.items() if price is None]
    if not missing:
        return None
    return f"price unknown: to see the cost, set spending.{' and spending.'.join(missing)} in {credentials}"


class Purpose(NamedTuple):
    """What a slot is for, and the flow run that pays."""

    model: str
    key: str
    attempt: int
    flow_run: str
    deployment: str | None

    @classmethod
    def of(cls, run: RunRecord) -> Purpose:
        return cls(run.model, run.key, run.attempt, run.flow_run, run.deployment)


class Reservation(Record):
    """Money reserved for one training or for rendering images. The sums are of all slots up to this one."""

    kind: SlotKind = "training"
    """What is paid for. Images do not count as a training of the day, and are never given back."""
    number: int = Field(ge=1)
    """Within the account's window, without gaps."""
    key: str
    attempt: int
    model: ModelName
    """The model it was first trained for."""
    flow_run: str
    deployment: str | None
    cents: int | None
    day: date
    """UTC day of the claim."""
    trainings_by_day: dict[date, int]
    cents_so_far: int


@dataclass(frozen=True)
class Spending:
    """What is reserved and not released.

    Attributes:
        window: First day of the 30 days; `ends` is the first one after them.
        cents: Sum of the known prices.
        last: The last slot, released or not.
        live: The slots that count, where all were read.
        trainings: Those of the window.
    """

    window: date
    trainings_today: int
    cents: int
    last: Reservation | None
    live: tuple[Reservation, ...] = ()
    trainings: int = 0

    @property
    def slots(self) -> int:
        return self.last.number if self.last else 0

    @property
    def ends(self) -> date:
        return self.window + WINDOW


def window_of(day: date) -> date:
    """First day of the 30 days that a day belongs to."""
    return day - timedelta(days=(day - _FIRST_WINDOW).days % WINDOW_DAYS)


def dollars(cents: int) -> str:
    """An amount as people write it, such as `$4.00`."""
    return f"${cents / 100:,.2f}"


class DuplicateJobRecord(Record):
    """The provider has two jobs of one name: the promise was broken, and `tuneloop status` shows it."""

    name: str
    job_id: str
    """The job that the ledger does not follow."""
    followed: str
    """The job that the ledger follows."""

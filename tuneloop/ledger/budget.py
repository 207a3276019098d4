"""The spending guard: a slot is reserved before each paid submit, or nothing is sent.

The slots of one account and window are numbered records, like a training's: slot n can be created once, so two
runs never take the same place. A slot is given back only when its training's record says that nothing was paid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from tuneloop.clock import now
from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import Claimed, RunRecord
from tuneloop.schemas.spending import (
    WINDOW_DAYS,
    Purpose,
    Reservation,
    SlotKind,
    SpendingLimits,
    dollars,
    window_of,
)
from tuneloop.schemas.training import Account

_RELEASED = re.compile(r"(\d{4,})\.released")


@dataclass(frozen=True)
class Spending:
    """What is reserved and not given back.

    Attributes:
        window: First day of the 30 days.
        trainings_today: Trainings of the day that was asked about.
        cents: Price of the window's trainings, as far as it is known.
        slots: Number of the last slot.
        live: The slots that count.
    """

    window: date
    trainings_today: int
    cents: int
    slots: int
    live: tuple[Reservation, ...] = ()

    @property
    def ends(self) -> date:
        """First day of the next window."""
        return self.window + timedelta(days=WINDOW_DAYS)


class _Listed(NamedTuple):
    names: list[str]
    released: set[int]


class Budget:
    """The slots of one account.

    Args:
        ledger: Where they are kept.
        account: Who pays.
        limits: What it may spend.
    """

    def __init__(self, ledger: Ledger, account: Account, limits: SpendingLimits) -> None:
        self._ledger = ledger
        self._account = account
        self._limits = limits

    def reserve(self, run: RunRecord, cents: int | None, claim: Claimed, first: Claimed) -> Reservation:
        """Reserve a place for a claimed training, or find the one that it has.

        Args:
            run: What the flow run works on.
            cents: The training's price, None where nobody knows it.
            claim: Its claim. One that a person has let over the limits is not held to them.
            first: The first claim of its attempt: a place of its own comes after the slot seen there.

        Raises:
            BudgetExceeded: There is no place left.
        """
        audited = False
        while True:
            day = claim.created_at.date()
            listed = self._listed(window_of(day))
            own = self._find_slot(run, first, day, listed)
            if own is not None:
                return own
            spending = self._running_totals(day, listed)
            over = None if "budget" in claim.waived else self._over(spending, cents)
            if over is None:
                slot = self._next(run, cents, day, spending)
                if self._ledger.create_record(self._name(spending.window, slot.number), slot):
                    return slot
            elif audited:
                raise BudgetExceeded(over)
            else:
                self._audit(spending.window)
                audited = True

    def check_readable(self, run: RunRecord, cents: int | None, first: Claimed | None) -> Spending:
        """Read what `reserve` will read, before anything is claimed. Gives back what is found to be free.

        Raises:
            CorruptRecord: A slot is damaged or missing.
        """
        day = now().date()
        listed = self._listed(window_of(day))
        if first is not None:
            self._find_slot(run, first, day, listed)
        spending = self._running_totals(day, listed)
        if self._over(spending, cents) is not None:
            self._audit(spending.window)
        return spending

    def newest_slots(self, count: int) -> list[Reservation]:
        """The last slots of this window and the one before, newest first."""
        window = window_of(now().date())
        windows = (window - timedelta(days=WINDOW_DAYS), window)
        names = [name for start in windows for name in self._ledger.numbered(self._folder(start))]
        return [self._read(name) for name in reversed(names[-count:])]

    def require_price(self, cents: int | None) -> None:
        """Refuse to guard money without knowing a price. Raises `ConfigurationError`."""
        if self._limits.cents_per_window is not None and cents is None:
            raise ConfigurationError(
                f"the account {self._account.slug} has a limit in money, but {self._account.provider} publishes "
                "no price of this training: set dollars_per_training in its credentials block"
            )

    def hold_reason(self, cents: int | None) -> str | None:
        """Say why a training submitted now would be held, None where it would not. Writes nothing."""
        return self._over(self.spending(now().date()), cents)

    def spending(self, day: date) -> Spending:
        """What counts now, by the trainings' own records; reads every slot of the window and writes nothing."""
        window = window_of(day)
        slots = [self._read(name) for name in self._ledger.numbered(self._folder(window))]
        live = tuple(slot for slot in slots if not self._ended_unpaid(slot))
        today = sum(slot.day == day and slot.kind == "training" for slot in live)
        return Spending(window, today, sum(slot.cents or 0 for slot in live), len(slots), live)

    def _over(self, spending: Spending, cents: int | None) -> str | None:
        """Say which limits a training would go over, all of them: whoever approves it approves that."""
        limits, over = self._limits, []
        if limits.trainings_per_day is not None and spending.trainings_today >= limits.trainings_per_day:
            over.append(
                f"{spending.trainings_today} of {limits.trainings_per_day} trainings of {self._account.slug} are "
                "used today (UTC)"
            )
        if limits.cents_per_window is not None and spending.cents + (cents or 0) > limits.cents_per_window:
            over.append(
                f"{dollars(spending.cents)} of {dollars(limits.cents_per_window)} of {self._account.slug} are "
                f"used in the 30 days to {spending.ends}, and this training costs {dollars(cents or 0)}"
            )
        return "; ".join(over) or None

    def _find_slot(self, run: RunRecord, first: Claimed, day: date, listed: _Listed) -> Reservation | None:
        """Find the slot of this training among those that came after its first claim, up to a day's window."""
        window, seen = window_of(first.created_at.date()), first.budget_slot or 0
        while window <= window_of(day):
            last = window == window_of(day)
            for name in (listed.names if last else self._ledger.numbered(self._folder(window)))[seen:]:
                slot = self._read(name)
                if slot.kind == "training" and (slot.key, slot.attempt) == (run.key, run.attempt):
                    return slot
            window, seen = window + timedelta(days=WINDOW_DAYS), 0
        return None

    def _running_totals(self, day: date, listed: _Listed | None = None) -> Spending:
        """What counts, by the last slot's sums and the slots that were given back.

        One that was given back counts again where its training has come to life since.
        """
        window = window_of(day)
        names, given_back = listed or self._listed(window)
        if not names:
            return Spending(window, 0, 0, 0)
        last = self._read(names[-1])
        released = [self._read(names[number - 1]) for number in given_back if number <= len(names)]
        back = [slot for slot in released if self._ended_unpaid(slot)]
        today = last.trainings_by_day.get(day, 0) - sum(slot.day == day for slot in back)
        cents = last.cents_so_far - sum(slot.cents or 0 for slot in back)
        return Spending(window, today, cents, len(names))

    def _next(
        self, run: Purpose, cents: int | None, day: date, spending: Spending, kind: SlotKind = "training"
    ) -> Reservation:
        by_day: dict[date, int] = {}
        so_far = 0
        if spending.slots:
            last = self._read(self._name(spending.window, spending.slots))
            by_day, so_far = dict(last.trainings_by_day), last.cents_so_far
        by_day[day] = by_day.get(day, 0) + (kind == "training")
        return Reservation(
            created_at=now(),
            kind=kind,
            number=spending.slots + 1,
            key=run.key,
            attempt=run.attempt,
            model=run.model,
            flow_run=run.flow_run,
            deployment=run.deployment,
            cents=cents,
            day=day,
            trainings_by_day=by_day,
            cents_so_far=so_far + (cents or 0),
        )

    def _audit(self, window: date) -> None:
        """Give back the slots whose training has ended unpaid."""
        names, released = self._listed(window)
        for name in names:
            slot = self._read(name)
            if slot.number not in released and self._ended_unpaid(slot):
                self._ledger.store.create(f"{self._folder(window)}{slot.number:04d}.released", b"")

    def _ended_unpaid(self, slot: Reservation) -> bool:
        if slot.kind != "training":
            return False
        training = TrainingLog(self._ledger, slot.key, slot.attempt)
        # Its job may have come to life, and be followed by a later attempt.
        return training.ended_unpaid and training.name not in training.followed.values()

    def _listed(self, window: date) -> _Listed:
        """The slots of a window, and the numbers of those that were given back, by one list."""
        folder = self._folder(window)
        listed = list(self._ledger.store.names(folder))
        released = (_RELEASED.fullmatch(name[len(folder) :]) for name in listed)
        names = self._ledger.numbered_among(folder, listed)
        return _Listed(names, {int(match.group(1)) for match in released if match})

    def _folder(self, window: date) -> str:
        return f"budget/{self._account.slug}/{window:%Y-%m-%d}/"

    def _name(self, window: date, number: int) -> str:
        return f"{self._folder(window)}{number:04d}.json"

    def _read(self, name: str) -> Reservation:
        return self._ledger.read_record(name, Reservation)

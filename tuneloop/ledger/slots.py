"""Slots of what an account has reserved: numbered records by account and 30 days, with running sums.

Slot n can be created once, so two runs never take the same place. A training's slot is released only when its
record says that nothing was paid; those of images never are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import Claimed
from tuneloop.schemas.spending import WINDOW_DAYS, Purpose, Reservation, SlotKind, window_of
from tuneloop.schemas.training import Account

_RELEASED = re.compile(r"(\d{4,})\.released")


@dataclass(frozen=True)
class Spending:
    """What is reserved and not released."""

    window: date
    """First day of the 30 days."""
    trainings_today: int
    cents: int
    """Sum of the known prices."""
    slots: int
    """Number of the last slot."""
    live: tuple[Reservation, ...] = ()
    """The slots that count."""

    @property
    def ends(self) -> date:
        """First day of the next window."""
        return self.window + timedelta(days=WINDOW_DAYS)


class Listed(NamedTuple):
    """The slots of a window, and the numbers of the released ones."""

    names: list[str]
    released: set[int]


class Slots:
    """The slots of one account."""

    def __init__(self, ledger: Ledger, account: Account) -> None:
        self._ledger, self._account = ledger, account

    def newest_slots(self, count: int) -> list[Reservation]:
        """The last slots of this window and the one before, newest first."""
        window = window_of(now().date())
        windows = (window - timedelta(days=WINDOW_DAYS), window)
        names = [name for start in windows for name in self._ledger.numbered(self._folder(start))]
        return [self._read(name) for name in reversed(names[-count:])]

    def spending(self, day: date) -> Spending:
        """What counts now, by the trainings' own records; reads every slot of the window."""
        window = window_of(day)
        slots = [self._read(name) for name in self._ledger.numbered(self._folder(window))]
        live = tuple(slot for slot in slots if not self._ended_unpaid(slot))
        today = sum(slot.day == day and slot.kind == "training" for slot in live)
        return Spending(window, today, sum(slot.cents or 0 for slot in live), len(slots), live)

    def find(self, purpose: Purpose, first: Claimed, day: date, listed: Listed) -> Reservation | None:
        """Find the slot of this training among those that came after its first claim, up to a day's window."""
        window, seen = window_of(first.created_at.date()), first.budget_slot or 0
        while window <= window_of(day):
            last = window == window_of(day)
            for name in (listed.names if last else self._ledger.numbered(self._folder(window)))[seen:]:
                slot = self._read(name)
                if slot.kind == "training" and (slot.key, slot.attempt) == (purpose.key, purpose.attempt):
                    return slot
            window, seen = window + timedelta(days=WINDOW_DAYS), 0
        return None

    def running_totals(self, day: date, listed: Listed) -> Spending:
        """What counts, by the last slot's sums and the released slots, except those that came to life since."""
        window = window_of(day)
        names, released = listed
        if not names:
            return Spending(window, 0, 0, 0)
        last = self._read(names[-1])
        slots = [self._read(names[number - 1]) for number in released if number <= len(names)]
        back = [slot for slot in slots if self._ended_unpaid(slot)]
        today = last.trainings_by_day.get(day, 0) - sum(slot.day == day for slot in back)
        cents = last.cents_so_far - sum(slot.cents or 0 for slot in back)
        return Spending(window, today, cents, len(names))

    def create(
        self, purpose: Purpose, cents: int | None, day: date, spending: Spending, kind: SlotKind
    ) -> Reservation | None:
        """Create the next slot after `spending` was read; None where another run was first."""
        by_day: dict[date, int] = {}
        so_far = 0
        if spending.slots:
            last = self._read(self._name(spending.window, spending.slots))
            by_day, so_far = dict(last.trainings_by_day), last.cents_so_far
        by_day[day] = by_day.get(day, 0) + (kind == "training")
        slot = Reservation(
            created_at=now(),
            kind=kind,
            number=spending.slots + 1,
            cents=cents,
            day=day,
            trainings_by_day=by_day,
            cents_so_far=so_far + (cents or 0),
            **purpose._asdict(),
        )
        return slot if self._ledger.create_record(self._name(spending.window, slot.number), slot) else None

    def audit(self, window: date) -> None:
        """Release the slots whose training has ended unpaid."""
        names, released = self.listed(window)
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

    def listed(self, window: date) -> Listed:
        """List a window once. Raises `CorruptRecord` on a gap."""
        folder = self._folder(window)
        listed = list(self._ledger.store.names(folder))
        released = (_RELEASED.fullmatch(name[len(folder) :]) for name in listed)
        names = self._ledger.numbered_among(folder, listed)
        return Listed(names, {int(match.group(1)) for match in released if match})

    def _folder(self, window: date) -> str:
        return f"budget/{self._account.slug}/{window:%Y-%m-%d}/"

    def _name(self, window: date, number: int) -> str:
        return f"{self._folder(window)}{number:04d}.json"

    def _read(self, name: str) -> Reservation:
        return self._ledger.read_record(name, Reservation)

"""The spending guard: a slot is reserved before each paid submit and before images are rendered.

Slots are numbered records by account and 30 days, with running sums. Slot n can be created once, so two runs never
take the same place. Only a training's slot is released, when its record says that nothing was paid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime

from tuneloop.clock import now
from tuneloop.errors import BudgetExceeded, ConfigurationError, CorruptRecord
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import Claimed, RunRecord
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import WINDOW, Purpose, Reservation, Spending, SpendingLimits, dollars, window_of
from tuneloop.schemas.training import Account

_RELEASED = re.compile(r"(\d{4,})\.released")
_Listed = tuple[list[str], set[int]]
"""The slots of a window, and the numbers of the released ones."""


class Budget:
    """The slots of one account, and the limits that they are held to."""

    def __init__(self, ledger: Ledger, account: Account, limits: SpendingLimits) -> None:
        self._ledger, self._account, self._limits = ledger, account, limits

    def reserve(self, run: RunRecord, cents: int | None, claim: Claimed, first: Claimed) -> Reservation:
        """Reserve a slot for a claimed training, or find the one that it has. Raises `BudgetExceeded`.

        A claim that is approved over the limits is not held to them. `first` is the first claim of its attempt:
        its own slot comes after the one seen there. `cents` is None for an unknown price.
        """

        def over(spending: Spending) -> str | None:
            return None if "budget" in claim.waived else self._over(spending, cents)

        return self._reserve(Purpose.of(run), cents, claim.created_at.date(), over, first)

    def reserve_images(self, purpose: Purpose, images: int, service: ServiceSettings) -> bool:
        """Reserve the price of images that are about to be rendered.

        Returns:
            False where nothing was reserved, because images have no known price.

        Raises:
            BudgetExceeded: They do not fit any more, and are not to be rendered.
            ConfigurationError: There is a limit in money, and no known price.
        """
        self.require_image_price(service)
        cents = math.ceil(images * (self._limits.price_of_image(service) or 0))
        limit = self._limits.cents_per_window

        def over(spending: Spending) -> str | None:
            fits = limit is None or spending.cents + cents <= limit
            return None if fits else self._images_do_not_fit(purpose.model, images, cents, spending)

        if cents:
            self._reserve(purpose, cents, None, over)
        return bool(cents)

    def _reserve(
        self,
        purpose: Purpose,
        cents: int | None,
        at: date | None,
        over: Callable[[Spending], str | None],
        first: Claimed | None = None,
    ) -> Reservation:
        """Create the next slot, unless it would go over a limit even after unpaid ones were released."""
        audited = False
        while True:
            day = at or now().date()
            listed = self._listed(window_of(day))
            own = self._find(purpose, first, day, listed) if first else None
            if own is not None:
                return own
            spending = self._running_totals(day, listed)
            reason = over(spending)
            if reason is None:
                slot = _next_slot(spending, purpose, cents, day, is_training=first is not None)
                if self._ledger.create_record(f"{self._folder(spending.window)}{slot.number:04d}.json", slot):
                    return slot
            elif audited:
                raise BudgetExceeded(reason)
            else:
                self.audit(spending.window)
                audited = True

    def check_readable(self, run: RunRecord, cents: int | None, first: Claimed | None) -> Spending:
        """Read what `reserve` will read, before anything is claimed. Releases what is found to be free.

        Raises:
            CorruptRecord: A slot is damaged or missing.
        """
        day = now().date()
        listed = self._listed(window_of(day))
        if first is not None:
            self._find(Purpose.of(run), first, day, listed)
        spending = self._running_totals(day, listed)
        if self._over(spending, cents) is not None:
            self.audit(spending.window)
        return spending

    def reserved_cents(self, run: RunRecord, first: Claimed | None) -> int | None:
        """What is reserved for a training, in US cents; None where it was never claimed, or has no known price.

        `first` is the first claim of its attempt.
        """
        if first is None:
            return None
        day = now().date()
        slot = self._find(Purpose.of(run), first, day, self._listed(window_of(day)))
        return slot.cents if slot else None

    def require_price(self, cents: int | None) -> None:
        """Reject a limit in money without a known price. Raises `ConfigurationError`."""
        self._require(cents, "this training", "dollars_per_training")

    def require_image_price(self, service: ServiceSettings) -> None:
        """Reject a limit in money without a known price. Raises `ConfigurationError`."""
        self._require(self._limits.price_of_image(service), "an image", "dollars_per_image")

    def _require(self, price: float | None, what: str, field: str) -> None:
        if self._limits.cents_per_window is not None and price is None:
            raise ConfigurationError(
                f"the account {self._account.slug} has a limit in dollars, but {self._account.provider} publishes "
                f"no price for {what}: set {field} in its credentials block"
            )

    def hold_reason(self, cents: int | None) -> str | None:
        """Why a training submitted now would be held, None where it would not. Writes nothing."""
        return self._over(self.spending(now().date()), cents)

    def check_images(
        self, model: str, wanted: Sequence[tuple[int, ServiceSettings]], training_cents: int | None = None
    ) -> None:
        """Reject what evaluating a model would cost, before any of it is paid. Writes nothing.

        `wanted` is how many images each service renders; `training_cents` the price of the training that is paid
        first, None where none is: then money is counted when images are reserved.

        Raises:
            BudgetExceeded: There are too many, or they cost too much.
            ConfigurationError: There is a limit in money, and no known price.
        """
        count, most = sum(images for images, _ in wanted), self._limits.images_per_model
        if most is not None and count > most:
            raise BudgetExceeded(
                f"{count} images would be rendered to evaluate {model}, and {self._account.slug} allows {most}. "
                "Name fewer prompts or seeds in the evaluation, or raise images_per_model in the account's "
                "credentials block, and run again. None of them was rendered"
            )
        cents = 0.0
        for images, service in wanted:
            if images:
                self.require_image_price(service)
                cents += images * (self._limits.price_of_image(service) or 0)
        limit = self._limits.cents_per_window
        if training_cents is None or limit is None:
            return
        spending = self.spending(now().date())
        left = limit - spending.cents - training_cents
        # A training that is over the limit by itself is held for approval.
        if math.ceil(cents) > left and not (training_cents and left < 0):
            raise BudgetExceeded(
                f"{self._images_do_not_fit(model, count, math.ceil(cents), spending)}. The training itself costs "
                f"{dollars(training_cents)} and was not submitted"
            )

    def _images_do_not_fit(self, model: str, images: int, cents: int, spending: Spending) -> str:
        return (
            f"{images} {'image' if images == 1 else 'images'} of {model} would cost {dollars(cents)}, and "
            f"{dollars(spending.cents)} of {dollars(self._limits.cents_per_window or 0)} of {self._account.slug} "
            f"are used in the 30 days to {spending.ends}. Raise dollars_per_30_days in its credentials block and "
            "run again; what is in the store is not paid again"
        )

    def _over(self, spending: Spending, cents: int | None) -> str | None:
        """All limits that a training would go over: whoever approves it approves that."""
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

    def newest_slots(self, count: int) -> list[Reservation]:
        """The last slots of this window and the one before, newest first."""
        window = window_of(now().date())
        names = [name for day in (window - WINDOW, window) for name in self._ledger.numbered(self._folder(day))]
        return [self._read(name) for name in reversed(names[-count:])]

    def spending(self, day: date) -> Spending:
        """What counts now, by the trainings' own records; reads every slot of the window."""
        window = window_of(day)
        slots = [self._read(name) for name in self._ledger.numbered(self._folder(window))]
        live = tuple(slot for slot in slots if not self._ended_unpaid(slot))
        days = [slot.day for slot in live if slot.kind == "training"]
        cents, last = sum(slot.cents or 0 for slot in live), slots[-1] if slots else None
        return Spending(window, days.count(day), cents, last, live, len(days))

    def reserved_by(self, flow_run: str, since: datetime) -> int:
        """What a flow run has reserved and not got back, in US cents; it began at `since`. Reads every slot."""
        cents, window = 0, window_of(since.date())
        while window <= now().date():
            slots = map(self._read, self._ledger.numbered(self._folder(window)))
            own = [slot for slot in slots if slot.flow_run == flow_run]
            cents += sum(slot.cents or 0 for slot in own if not self._ended_unpaid(slot))
            window += WINDOW
        return cents

    def totals(self) -> Spending:
        """What counts now, by the running sums: the last slot and the released ones are read, and no others."""
        day = now().date()
        return self._running_totals(day, self._listed(window_of(day)))

    def audit(self, window: date) -> None:
        """Release the slots whose training has ended unpaid."""
        names, released = self._listed(window)
        for slot in map(self._read, names):
            if slot.number not in released and self._ended_unpaid(slot):
                self._ledger.store.create(f"{self._folder(window)}{slot.number:04d}.released", b"")

    def _find(self, purpose: Purpose, first: Claimed, day: date, listed: _Listed) -> Reservation | None:
        """Find the slot of this training among those that came after its first claim, up to a day's window."""
        window, seen = window_of(first.created_at.date()), first.budget_slot or 0
        while window <= window_of(day):
            names = listed[0] if window == window_of(day) else self._ledger.numbered(self._folder(window))
            for slot in map(self._read, names[seen:]):
                if slot.kind == "training" and (slot.key, slot.attempt) == (purpose.key, purpose.attempt):
                    return slot
            window, seen = window + WINDOW, 0
        return None

    def _running_totals(self, day: date, listed: _Listed) -> Spending:
        """What counts, by the last slot's sums and the released slots, except those that came to life since."""
        names, released = listed
        if not names:
            return Spending(window_of(day), 0, 0, None)
        last = self._read(names[-1])
        slots = (self._read(names[number - 1]) for number in released if number <= len(names))
        back = [slot for slot in slots if self._ended_unpaid(slot)]
        today = last.trainings_by_day.get(day, 0) - sum(slot.day == day for slot in back)
        cents = last.cents_so_far - sum(slot.cents or 0 for slot in back)
        trainings = sum(last.trainings_by_day.values()) - len(back)
        return Spending(window_of(day), today, cents, last, trainings=trainings)

    def _ended_unpaid(self, slot: Reservation) -> bool:
        if slot.kind != "training":
            return False
        training = TrainingLog(self._ledger, slot.key, slot.attempt)
        # Its job may have come to life, and be followed by a later attempt.
        return training.ended_unpaid and training.name not in training.followed.values()

    def _listed(self, window: date) -> _Listed:
        """List a window once. Raises `CorruptRecord` on a gap."""
        folder = self._folder(window)
        listed = list(self._ledger.store.names(folder))
        released = (_RELEASED.fullmatch(name[len(folder) :]) for name in listed)
        return self._ledger.numbered_among(folder, listed), {int(match[1]) for match in released if match}

    def _folder(self, window: date) -> str:
        return f"budget/{self._account.slug}/{window:%Y-%m-%d}/"

    def _read(self, name: str) -> Reservation:
        slot = self._ledger.read_record(name, Reservation)
        if not name.endswith(f"/{slot.number:04d}.json"):
            raise CorruptRecord(f"{name} says that it is slot {slot.number}; restore its folder from a backup")
        return slot


def _next_slot(
    spending: Spending, purpose: Purpose, cents: int | None, day: date, *, is_training: bool
) -> Reservation:
    last = spending.last
    by_day = dict(last.trainings_by_day) if last else {}
    return Reservation(
        created_at=now(),
        kind="training" if is_training else "images",
        number=spending.slots + 1,
        cents=cents,
        day=day,
        trainings_by_day=by_day | {day: by_day.get(day, 0) + is_training},
        cents_so_far=(last.cents_so_far if last else 0) + (cents or 0),
        **purpose._asdict(),
    )

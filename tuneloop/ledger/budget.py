"""The spending guard: a slot is reserved before each paid submit and before images are rendered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date

from tuneloop.clock import now
from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.slots import Slots, Spending
from tuneloop.schemas.records import Claimed, RunRecord
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import (
    Purpose,
    Reservation,
    SpendingLimits,
    dollars,
    window_of,
)
from tuneloop.schemas.training import Account


class Budget(Slots):
    """The slots of one account, and the limits that they are held to."""

    def __init__(self, ledger: Ledger, account: Account, limits: SpendingLimits) -> None:
        super().__init__(ledger, account)
        self._limits = limits

    def reserve(self, run: RunRecord, cents: int | None, claim: Claimed, first: Claimed) -> Reservation:
        """Reserve a slot for a claimed training, or find the one that it has.

        Args:
            run: What the flow run works on.
            cents: The training's price, None if unknown.
            claim: Its claim. One that is approved over the limits is not held to them.
            first: The first claim of its attempt: its own slot comes after the one seen there.

        Raises:
            BudgetExceeded: There is no place left.
        """
        day = claim.created_at.date()

        def over(spending: Spending) -> str | None:
            return None if "budget" in claim.waived else self._over(spending, cents)

        return self._reserve(Purpose.of(run), cents, day, over, first)

    def reserve_images(self, purpose: Purpose, images: int, service: ServiceSettings) -> bool:
        """Reserve the price of images that are about to be rendered.

        Returns:
            False where nothing was reserved, because images have no known price.

        Raises:
            BudgetExceeded: They do not fit any more, and are not to be rendered.
            ConfigurationError: There is a limit in money, and no known price.
        """
        self.require_image_price(service)
        cents, limit = (
            math.ceil(images * (self._limits.price_of_image(service) or 0)),
            self._limits.cents_per_window,
        )

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
            listed = self.listed(window_of(day))
            own = self.find(purpose, first, day, listed) if first else None
            if own is not None:
                return own
            spending = self.running_totals(day, listed)
            reason = over(spending)
            if reason is None:
                slot = self.create(purpose, cents, day, spending, "training" if first else "images")
                if slot is not None:
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
        listed = self.listed(window_of(day))
        if first is not None:
            self.find(Purpose.of(run), first, day, listed)
        spending = self.running_totals(day, listed)
        if self._over(spending, cents) is not None:
            self.audit(spending.window)
        return spending

    def require_price(self, cents: int | None) -> None:
        """Reject a limit in money without a known price. Raises `ConfigurationError`."""
        self._require(cents, "this training", "dollars_per_training")

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
                f"{self._images_do_not_fit(model, count, math.ceil(cents), spending)}. The training before costs "
                f"{dollars(training_cents)} and was not submitted"
            )

    def _images_do_not_fit(self, model: str, images: int, cents: int, spending: Spending) -> str:
        return (
            f"{images} {'image' if images == 1 else 'images'} of {model} would cost {dollars(cents)}, and "
            f"{dollars(spending.cents)} of {dollars(self._limits.cents_per_window or 0)} of {self._account.slug} "
            f"are used in the 30 days to {spending.ends}. Raise dollars_per_30_days in its credentials block and "
            "run again; what is in the store is not paid again"
        )

    def require_image_price(self, service: ServiceSettings) -> None:
        """Reject a limit in money without a known price. Raises `ConfigurationError`."""
        self._require(self._limits.price_of_image(service), "an image", "dollars_per_image")

    def _require(self, price: float | None, what: str, field: str) -> None:
        if self._limits.cents_per_window is not None and price is None:
            raise ConfigurationError(
                f"the account {self._account.slug} has a limit in money, but {self._account.provider} publishes "
                f"no price of {what}: set {field} in its credentials block"
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

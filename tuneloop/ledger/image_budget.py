"""The part of an account's budget that images take: counted before any of them is asked for.

Images are counted in slots like those of trainings, of a kind of their own, and are never given back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuneloop.clock import now
from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.ledger.budget import Budget, Spending
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import Purpose, dollars


class ImageBudget(Budget):
    """The slots of one account, for images."""

    def reserve_images(self, purpose: Purpose, images: int, service: ServiceSettings) -> bool:
        """Reserve the price of images that are about to be asked for. They are never given back.

        Returns:
            Whether something was reserved: not where images have no known price.

        Raises:
            BudgetExceeded: They do not fit any more, and are not to be rendered.
            ConfigurationError: There is a limit in money, and no known price.
        """
        self.require_image_price(service)
        cents = math.ceil(images * (self._limits.price_of_image(service) or 0))
        limit = self._limits.cents_per_window
        audited = False
        while cents:
            day = now().date()
            spending = self._running_totals(day)
            if limit is None or spending.cents + cents <= limit:
                slot = self._next(purpose, cents, day, spending, kind="images")
                if self._ledger.create_record(self._name(spending.window, slot.number), slot):
                    return True
            elif audited:
                raise BudgetExceeded(self._images_do_not_fit(purpose.model, images, cents, spending))
            else:
                self._audit(spending.window)
                audited = True
        return False

    def check_images(
        self, model: str, wanted: Sequence[tuple[int, ServiceSettings]], training_cents: int | None = None
    ) -> None:
        """Refuse what judging a model would cost, before any of it is paid. Writes nothing.

        Args:
            model: The model to be judged.
            wanted: How many images, and which service renders them.
            training_cents: Price of the training that is paid first; None where none is, and the money is counted
                when images are reserved.

        Raises:
            BudgetExceeded: There are too many, or they cost too much.
            ConfigurationError: There is a limit in money, and no known price.
        """
        count, most = sum(images for images, _ in wanted), self._limits.images_per_model
        if most is not None and count > most:
            raise BudgetExceeded(
                f"{count} images would be rendered to judge {model}, and {self._account.slug} allows {most}. Name "
                "fewer prompts or seeds in the evaluation, or raise images_per_model in the account's credentials "
                "block, and run again. None of them was rendered"
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
        # A training that is over the limit by itself is held, and a person decides.
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
        """Refuse to guard money without knowing a price. Raises `ConfigurationError`."""
        if self._limits.cents_per_window is not None and self._limits.price_of_image(service) is None:
            raise ConfigurationError(
                f"the account {self._account.slug} has a limit in money, but {self._account.provider} publishes "
                "no price of an image: set dollars_per_image in its credentials block"
            )

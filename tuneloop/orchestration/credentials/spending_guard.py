"""The part of every credentials block that says what its account may spend."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tuneloop.schemas.spending import SpendingLimits


class SpendingGuard(BaseModel):
    """What an account may spend. Beyond it a training is held until a person approves it."""

    trainings_per_day: int | None = Field(
        default=20,
        ge=0,
        description="Trainings that may be submitted in one day (UTC). One more is held until a person approves "
        "it. Empty: no limit.",
    )
    dollars_per_30_days: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars that trainings may cost within 30 days. One more is held until a person approves "
        "it. Empty: no limit.",
    )
    dollars_per_training: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="What one training costs you, where the provider publishes no price or bills you another one. "
        "Empty: the published price, if there is one.",
    )
    dollars_per_image: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="What one image costs you that is rendered to judge a model, where the provider publishes "
        "no price or bills you another one. Empty: the published price, if there is one.",
    )

    images_per_model: int | None = Field(
        default=100,
        ge=0,
        description="Images that may be rendered to judge one model: those of the evaluation plan, and those of "
        "the champion that are not rendered yet. A plan beyond it is refused before anything is paid. Empty: no "
        "limit.",
    )

    @property
    def limits(self) -> SpendingLimits:
        """The limits, in US cents."""
        return SpendingLimits(
            trainings_per_day=self.trainings_per_day,
            cents_per_window=_cents(self.dollars_per_30_days),
            cents_per_training=_cents(self.dollars_per_training),
            cents_per_image=None if self.dollars_per_image is None else self.dollars_per_image * 100,
            images_per_model=self.images_per_model,
        )


def _cents(amount: float | None) -> int | None:
    return None if amount is None else round(amount * 100)

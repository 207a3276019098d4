"""How often a training is asked about."""

from __future__ import annotations

from tuneloop.schemas.frozen import FrozenModel


class Cadence(FrozenModel):
    """Rhythm of looking at one kind of training. Seconds.

    No provider publishes how long its trainings take. So the pause grows with the training's age: whoever has
    waited three hours can wait nine minutes more.
    """

    floor_s: int = 60
    """Shortest pause: the sensor's own rhythm."""
    ceiling_s: int = 600
    """Longest pause."""
    share_of_age: float = 0.05
    """In between, the pause is this part of the age."""
    overdue_s: int = 24 * 3600
    """From submit until a person is told that it takes unusually long."""

    def pause_s(self, age_s: float) -> float:
        """Seconds between two looks at a training of this age."""
        return min(max(age_s * self.share_of_age, self.floor_s), self.ceiling_s)

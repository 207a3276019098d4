"""One way in which things can go wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from tests.crash.points import Kill, Point
from tests.crash.stories import Story

Way = Literal["restart", "next", "sensor"]
WAYS: tuple[Way, ...] = ("restart", "next", "sensor")
"""How a dead run is continued: it is started again, its schedule comes round, or the sensor sees to it."""

Recording = dict[str, list[Point]]
"""The points of one story, by the process that passed them."""


@dataclass(frozen=True)
class Case:
    """One way in which things can go wrong.

    Attributes:
        id: Stable name, by which it is replayed.
        kind: What kind of trouble it is, for the table.
        story: What happens beside.
        kills: Where processes die, by their role and number.
        second: Where the first process after a death dies, None for nowhere.
        way: How dead runs are continued.
        racers: How many runs start at once.
        ticks: How many looks of the sensor start at once.
        sabotage: A rule that every process breaks, None for none.
    """

    id: str
    kind: str
    story: Story
    kills: dict[str, Kill] = field(default_factory=dict)
    second: Kill | None = None
    way: Way = "restart"
    racers: int = 1
    ticks: int = 1
    sabotage: str | None = None


def slug(*parts: str) -> str:
    """An id of small letters, digits, hyphens and colons."""
    return ":".join(re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-") for part in parts)

"""One row of the report: ours, what others would use, what the machine allows, and the goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.data.turns import Result

OURS = "ours"


@dataclass(frozen=True)
class Goal:
    """What a row should reach.

    Attributes:
        against: Name of a peer or of the limit, `peak_rss_mb`, or something that entrants count.
        at_most: Our seconds divided by theirs, our memory, or our count, may be this much.
    """

    against: str
    at_most: float


@dataclass(frozen=True)
class Row:
    """What was measured of one piece of work.

    Attributes:
        name: The row's name.
        results: Of each entrant, ours and the limit included.
        limit: Name of the entrant that no one can beat.
        goals: What should be reached.
    """

    name: str
    results: Mapping[str, Result]
    limit: str
    goals: tuple[Goal, ...]

    @property
    def peers(self) -> dict[str, float]:
        """Seconds of what others would use."""
        return {
            name: round(result.seconds, 3)
            for name, result in self.results.items()
            if name not in (OURS, self.limit)
        }

    def ratio_to(self, name: str) -> float:
        """Our seconds divided by another entrant's."""
        return round(self.results[OURS].seconds / self.results[name].seconds, 3)

    def figures(self) -> dict[str, Any]:
        """The row as it is written down."""
        ours, limit = self.results[OURS], self.results[self.limit]
        best = min(self.peers, key=self.peers.__getitem__)
        return {
            "row": self.name,
            "ours_s": round(ours.seconds, 3),
            "peers": self.peers,
            "limit": {"name": self.limit, "seconds": round(limit.seconds, 3)},
            "ratio_to_best_peer": self.ratio_to(best),
            "ratio_to_limit": self.ratio_to(self.limit),
            "peak_rss_mb": round(ours.peak_rss_mb or 0.0, 1),
            **{what: {name: result.told[what] for name, result in self.results.items()} for what in ours.told},
        }

    def verdicts(self) -> list[tuple[str, bool]]:
        """Each goal in words, and whether it is met."""
        told = []
        for goal in self.goals:
            if goal.against == "peak_rss_mb":
                reached = self.results[OURS].peak_rss_mb or 0.0
                words = f"{reached:.0f} MB of memory, goal {goal.at_most:.3g}"
            elif goal.against in self.results[OURS].told:
                reached = self.results[OURS].told[goal.against]
                words = f"{reached:,} {goal.against.replace('_', ' ')}, goal {goal.at_most:,.0f}"
            else:
                reached = self.ratio_to(goal.against)
                words = f"{reached:.2f} x {goal.against}, goal {goal.at_most:.3g}"
            told.append((words, reached <= goal.at_most))
        return told


def table_of(rows: list[Row]) -> Table:
    """The rows for people."""
    table = Table(
        "row", "ours", "others", "limit", "reached", title="Seconds, the fastest run of each", show_lines=True
    )
    for row in rows:
        figures = row.figures()
        table.add_row(
            row.name,
            f"{figures['ours_s']:.2f}\n{figures['peak_rss_mb']:.0f} MB",
            "\n".join(f"{seconds:.2f} {name}" for name, seconds in row.peers.items()),
            f"{figures['limit']['seconds']:.2f} {row.limit}",
            "\n".join(
                f"[{'green' if met else 'red'}]{'met' if met else 'missed'}[/]: {words}"
                for words, met in row.verdicts()
            ),
        )
    return table

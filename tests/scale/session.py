"""One session: the load, and the programs that are killed in turn while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.scale.books import Books
from tests.scale.person import answer_holds
from tests.scale.team import Team

VICTIMS = (
    "worker-1", "server", "services", "redis", "postgresql", "worker-2", "server", "services", "redis",
)  # fmt: skip
_DOWN_S = 5.0
"""How long what was killed stays away: about what a container takes to come back."""
_PAUSE_S = 2.0
_TOLD_EVERY_S = 20.0
"""As often, the person looks for what asks."""


@dataclass
class Session:
    """See the module.

    Attributes:
        team: What runs.
        books: What is paid and decided.
        victims: What is killed, in this order, as the work goes on.
        tell: Gets a line for everything that happens.
        killed: What was killed.
        answered: How many submits in doubt a person has cleared up.
    """

    team: Team
    books: Books
    victims: tuple[str, ...]
    tell: Callable[[str], None]
    killed: list[str] = field(default_factory=list)
    answered: int = 0

    def play(self, seconds: float) -> None:
        """Let the work go on until all is decided, or for so many seconds."""
        until, told = time.monotonic() + seconds, 0.0
        while time.monotonic() < until:
            self.team.keep_running()
            paid, decided = len(self.books.paid()), self.books.decided()
            if decided == len(self.books.submitted):
                return
            if time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                self.tell(f"{paid} paid, {decided} decided")
                self.answered += answer_holds(self.books.ledger, self.books.emulators)
            if self._is_time(paid + decided):
                self._kill(self.victims[len(self.killed)])
            time.sleep(_PAUSE_S)

    def _is_time(self, steps: int) -> bool:
        """Tell whether the next one dies: they die at even distances of the way, of which paying is one half."""
        every = 2 * len(self.books.submitted) / (len(self.victims) + 1)
        return len(self.killed) < len(self.victims) and steps >= every * (len(self.killed) + 1)

    def _kill(self, name: str) -> None:
        self.tell(f"{name} is killed")
        self.team.kill(name)
        self.killed.append(name)
        time.sleep(_DOWN_S)
        self.team.start(name)

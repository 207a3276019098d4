"""What was asked of a provider that bills images: written before each POST, so that a lost answer is counted.

An ask without an image and without a refusal has an unknown end: the provider may have billed it, or somebody
waits for it just now. A definite refusal closes an ask by a second name, created once; where a process dies before
that, the ask stays open, which is never too few. So what one image costs has a bound, over all runs together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from uuid import uuid4

from tuneloop.storage.base import Store

MOST_ASKS = 3
"""How often one image is asked for in its life, by all runs together, refusals left out. Each may be billed."""
_ASK = re.compile(r"(?P<stem>[0-9a-f]{32})-(?P<number>\d{4,})(?P<what>\.refused|\.reserved|)")


class RenderLog:
    """The asks of one model's images, and which of them have a place in the budget; nothing before a `look`.

    Args:
        store: Where they are kept.
        job: Name of the model's training job.
    """

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._folder = f"render-log/{job}/"
        self._asks: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()

    def look(self) -> None:
        """Read what everybody has asked by now."""
        self._asks, self._refused, self._reserved = Counter(), Counter(), Counter()
        for name in self._store.names(self._folder):
            if match := _ASK.fullmatch(name[len(self._folder) :]):
                stem, number = match["stem"], int(match["number"])
                if match["what"] == ".refused":
                    self._refused[stem] += 1
                    continue
                # The highest number, not how many there are: one that was deleted was paid all the same.
                latest = self._reserved if match["what"] else self._asks
                latest[stem] = max(latest[stem], number)

    def open(self, stem: str) -> int:
        """How often an image was asked for, refusals left out."""
        return max(0, self._asks[stem] - self._refused[stem])

    def unclear(self, stem: str) -> int:
        """How often an image was asked for beyond the one time that has to be, refusals left out."""
        return max(0, self.open(stem) - 1)

    def given_up(self, stem: str) -> bool:
        """Whether an image was asked for as often as it may be."""
        return self.open(stem) >= MOST_ASKS

    def ask(self, stem: str) -> str | None:
        """Write down that an image is asked for now.

        Returns:
            The name of this ask, None where another run asks for the same image at this very moment, or where
            it must not be asked for any more.
        """
        if self.given_up(stem):
            return None
        self._asks[stem] += 1
        name = f"{self._folder}{stem}-{self._asks[stem]:04d}"
        return name if self._store.create(name, uuid4().hex.encode()) else None

    def refused(self, stem: str, ask: str) -> None:
        """Write down that an ask was refused, or never sent: it is not billed."""
        self._refused[stem] += 1
        self._store.create(f"{ask}.refused", b"")

    def unreserved(self, stems: Iterable[str]) -> list[str]:
        """Those images for whose next ask nobody has reserved money."""
        return [stem for stem in stems if self._reserved[stem] <= self.open(stem)]

    def reserved(self, stems: Iterable[str]) -> None:
        """Write down that money is reserved for the next ask of each: whoever comes after a crash need not."""
        for stem in stems:
            self._reserved[stem] = self.open(stem) + 1
            self._store.create(f"{self._folder}{stem}-{self._reserved[stem]:04d}.reserved", b"")

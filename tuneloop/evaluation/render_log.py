"""What was asked of a provider that bills images: written before each POST, so that a lost response is counted.

An ask without an image and without a refusal has an unknown end: the provider may have billed it, or another run
waits for it right now. A definite refusal closes an ask by a second name, created once; where a process dies
before that, the ask stays open, which is never too few. So what one image costs is bounded, over all runs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from uuid import uuid4

from tuneloop.storage.base import Store

MAX_ASKS = 3
"""How often one image is asked for in its life, by all runs together, refusals left out. Each may be billed."""
_ASK = re.compile(r"(?P<stem>[0-9a-f]{32})-(?P<number>\d{4,})(?P<what>\.refused|\.reserved|)")


class RenderLog:
    """The asks of one model's images, and which of them have a place in the budget; nothing before a `refresh`."""

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._folder = f"render-log/{job}/"
        self._asks: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()

    def refresh(self) -> None:
        """Read what all runs have asked by now."""
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

    def repeated(self, stem: str) -> int:
        """How often an image was asked for beyond the one time that has to be, refusals left out."""
        return max(0, self.open(stem) - 1)

    def given_up(self, stem: str) -> bool:
        """Whether an image was asked for as often as it may be."""
        return self.open(stem) >= MAX_ASKS

    def ask(self, stem: str) -> str | None:
        """Record that an image is asked for now. Returns the name of this ask.

        None where another run asks for the same image at this very moment, or it must not be asked for any more.
        """
        if self.given_up(stem):
            return None
        self._asks[stem] += 1
        name = f"{self._folder}{stem}-{self._asks[stem]:04d}"
        return name if self._store.create(name, uuid4().hex.encode()) else None

    def refused(self, stem: str, ask: str) -> None:
        """Record that an ask was refused, or never sent: it is not billed."""
        self._refused[stem] += 1
        self._store.create(f"{ask}.refused", b"")

    def unreserved(self, stems: Iterable[str]) -> list[str]:
        """Those images for whose next ask no money is reserved."""
        return [stem for stem in stems if self._reserved[stem] <= self.open(stem)]

    def reserved(self, stems: Iterable[str]) -> None:
        """Record that money is reserved for the next ask of each: whoever comes after a crash need not."""
        for stem in stems:
            self._reserved[stem] = self.open(stem) + 1
            self._store.create(f"{self._folder}{stem}-{self._reserved[stem]:04d}.reserved", b"")

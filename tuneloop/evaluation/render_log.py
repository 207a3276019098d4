"""What was asked of a provider that bills images: written before each POST, so that a lost response is counted.

A request without an image and without a rejection has an unknown end: the provider may have billed it, or another
run waits for it right now. A definite rejection closes a request by a second name, created once; where a process
dies before that, the request stays open, which is never too few. So what one image costs is bounded, over all
runs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from uuid import uuid4

from tuneloop.storage.base import Store

MAX_REQUESTS = 3
"""How often one image is requested in its life, by all runs together, rejections left out. Each may be billed."""
_REQUEST = re.compile(r"(?P<stem>[0-9a-f]{32})-(?P<number>\d{4,})(?P<what>\.refused|\.reserved|)")


class RenderLog:
    """The requests for one model's images, and which have a place in the budget; nothing before a `refresh`."""

    def __init__(self, store: Store, job: str) -> None:
        self._store, self._folder = store, f"render-log/{job}/"
        self._requests: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()

    def refresh(self) -> None:
        """Read what all runs have requested by now."""
        self._requests, self._rejected, self._reserved = Counter(), Counter(), Counter()
        for name in self._store.names(self._folder):
            if match := _REQUEST.fullmatch(name[len(self._folder) :]):
                stem, number = match["stem"], int(match["number"])
                if match["what"] == ".refused":
                    self._rejected[stem] += 1
                    continue
                # The highest number, not how many there are: one that was deleted was paid all the same.
                latest = self._reserved if match["what"] else self._requests
                latest[stem] = max(latest[stem], number)

    def open(self, stem: str) -> int:
        """How often an image was requested, rejections left out."""
        return max(0, self._requests[stem] - self._rejected[stem])

    def extra_requests(self, stem: str) -> int:
        """How often an image was requested beyond the one time that has to be, rejections left out."""
        return max(0, self.open(stem) - 1)

    def given_up(self, stem: str) -> bool:
        return self.open(stem) >= MAX_REQUESTS

    def record_request(self, stem: str) -> str | None:
        """Record that an image is requested now. Returns the name of this request.

        None where another run requests the same image at this very moment, or it must not be requested any more.
        """
        if self.given_up(stem):
            return None
        self._requests[stem] += 1
        name = f"{self._folder}{stem}-{self._requests[stem]:04d}"
        return name if self._store.create(name, uuid4().hex.encode()) else None

    def rejected(self, stem: str, request: str) -> None:
        """Record that a request was rejected, or never sent: it is not billed."""
        self._rejected[stem] += 1
        self._store.create(f"{request}.refused", b"")

    def unreserved(self, stems: Iterable[str]) -> list[str]:
        """Those images for whose next request no money is reserved."""
        return [stem for stem in stems if self._reserved[stem] <= self.open(stem)]

    def reserved(self, stems: Iterable[str]) -> None:
        """Record that money is reserved for the next request of each: whoever comes after a crash need not."""
        for stem in stems:
            self._reserved[stem] = self.open(stem) + 1
            self._store.create(f"{self._folder}{stem}-{self._reserved[stem]:04d}.reserved", b"")

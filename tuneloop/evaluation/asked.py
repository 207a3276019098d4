"""What was asked of a provider that bills pictures: written before each POST, so that a lost answer is counted.

An ask without a picture and without a refusal has an unknown end: the provider may have billed it.
"""

from __future__ import annotations

import re
from collections import Counter
from uuid import uuid4

from tuneloop.storage.store import Store

_ASK = re.compile(r"(?P<stem>[0-9a-f]{32})-(?P<number>\d{4})(?P<refused>\.refused)?")


class Asked:
    """The asks of one model's pictures.

    Args:
        store: Where they are kept.
        job: Name of the model's training job.
    """

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._folder = f"asked/{job}/"
        found = [_ASK.fullmatch(name[len(self._folder) :]) for name in store.names(self._folder)]
        self._asks = Counter(match["stem"] for match in found if match and not match["refused"])
        self._refused = Counter(match["stem"] for match in found if match and match["refused"])

    def unclear(self, stem: str) -> int:
        """How often a picture was asked for beyond the one time that has to be, refusals left out."""
        return max(0, self._asks[stem] - self._refused[stem] - 1)

    def ask(self, stem: str) -> str:
        """Write down that a picture is asked for now. Returns the name of this ask."""
        while True:
            self._asks[stem] += 1
            name = f"{self._folder}{stem}-{self._asks[stem]:04d}"
            # Another run may ask for the same picture at the same time: then each has a name of its own.
            if self._store.create(name, uuid4().hex.encode()):
                return name

    def refused(self, stem: str, ask: str) -> None:
        """Write down that an ask was refused: it is not billed."""
        self._refused[stem] += 1
        self._store.create(f"{ask}.refused", b"")

"""Pictures that were looked at before need no second look: their facts, kept in the store by content.

Each scan that saw something new writes the facts of all its pictures under the next number, so only the highest
number is ever read. Losing all of it costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import ValidationError

from tuneloop.errors import NotInStore, RecordUnreadable
from tuneloop.values.canonical import canonical_json
from tuneloop.values.dataset import Sha256
from tuneloop.values.frozen import Frozen
from tuneloop.values.picture_facts import PictureFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tuneloop.storage.store import Store

CHECKS: Literal[2] = 2
"""Raise it when a fact gets another meaning, or a check sees more: then every picture is looked at again."""
_NUMBER = re.compile(r"(\d{4,})\.json")


class Known(NamedTuple):
    """What is known of the pictures of a source."""

    number: int
    """Where it was found, 0 where there is nothing yet."""
    facts: dict[Sha256, PictureFacts]
    """The pictures."""


class InspectionsKept(Frozen):
    """What one scan saw."""

    checks: Literal[2]
    """See `CHECKS`."""
    pictures: tuple[PictureFacts, ...]
    """Every picture of the scan, by sha256."""


def load(store: Store, source: str) -> Known:
    """Read what is known of the pictures of a source. No facts where nothing readable of this version is there.

    Args:
        store: Where it is kept.
        source: Address of the folder, bucket or zip.
    """
    number = _highest(store, source)
    return Known(number, _read(store, source, number) if number else {})


def keep(store: Store, source: str, facts: Iterable[PictureFacts], known: Known) -> None:
    """Keep what a scan saw, if something of it is new. Where another run takes the number first, its facts stay.

    Args:
        store: Where to keep it.
        source: Address of the folder, bucket or zip.
        facts: All pictures of the scan.
        known: What was known before it.
    """
    seen = {one.sha256: one for one in facts}
    if seen.items() <= known.facts.items():
        return
    kept = InspectionsKept(checks=CHECKS, pictures=tuple(seen[sha256] for sha256 in sorted(seen)))
    store.create(_name(source, known.number + 1), canonical_json(kept.model_dump(mode="json")))


def _highest(store: Store, source: str) -> int:
    folder = _folder(source)
    numbers = [_NUMBER.fullmatch(name.removeprefix(folder)) for name in store.names(folder)]
    return max((int(number[1]) for number in numbers if number), default=0)


def _read(store: Store, source: str, number: int) -> dict[Sha256, PictureFacts]:
    try:
        kept = InspectionsKept.model_validate_json(store.read(_name(source, number)))
    except (ValidationError, NotInStore, RecordUnreadable):
        return {}
    return {facts.sha256: facts for facts in kept.pictures}


def _folder(source: str) -> str:
    # An address may hold what no name in a store may, and more than others need to see.
    return f"inspections/{hashlib.sha256(source.encode()).hexdigest()}/"


def _name(source: str, number: int) -> str:
    return f"{_folder(source)}{number:04d}.json"

"""Records in the artifact store, each written once: a write to a name is a compare-and-set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tuneloop import __version__
from tuneloop.errors import CorruptRecord
from tuneloop.schemas.records import Record
from tuneloop.storage.base import Store

_BEYOND_THIS_VERSION = {"extra_forbidden", "literal_error", "union_tag_invalid"}
"""Faults of a record that is whole and says more than is known here."""
_NUMBERED = re.compile(r"(\d{4,})\.json")
AnyRecord = TypeVar("AnyRecord", bound=Record)
Read = TypeVar("Read")


class RecordStore:
    """Reads and writes single records, and folders of records that are numbered from 1 without gaps."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create_record(self, name: str, record: Record) -> bool:
        """Write a record once. Returns False where another one has this name."""
        return self.store.create(name, record.model_dump_json(indent=1).encode())

    def read_record(self, name: str, kind: type[AnyRecord]) -> AnyRecord:
        """Read one record. Raises `ObjectNotFound`, or `CorruptRecord` where it is not of this kind."""
        return self._read(name, TypeAdapter[AnyRecord](kind))

    def numbered(self, prefix: str) -> list[str]:
        """The records below a prefix, in order. Raises `CorruptRecord` on a gap."""
        return self.numbered_among(prefix, self.store.names(prefix))

    def numbered_among(self, prefix: str, listed: Iterable[str]) -> list[str]:
        """The numbered records among names that were listed just now. Raises `CorruptRecord` on a gap."""
        names = [name for name in listed if _NUMBERED.fullmatch(name[len(prefix) :])]
        expected = [f"{prefix}{n:04d}.json" for n in range(1, len(names) + 1)]
        if sorted(names) != sorted(expected):
            missing = sorted(set(expected) - set(names))
            raise CorruptRecord(
                f"{self.store.uri_of(prefix)} has a gap at {', '.join(missing)}: a record was deleted or is "
                "hidden; restore it from a backup or an older object version, nothing is decided without it"
            )
        return expected

    def newest(self, prefix: str, kind: type[AnyRecord]) -> AnyRecord | None:
        """The record of the highest number, None where there is none."""
        names = self.numbered(prefix)
        return self.read_record(names[-1], kind) if names else None

    def _read(self, name: str, kind: TypeAdapter[Read]) -> Read:
        try:
            return kind.validate_json(self.store.read(name))
        except ValidationError as error:
            where = ", ".join(".".join(map(str, item["loc"])) or "the whole" for item in error.errors()[:3])
            if all(item["type"] in _BEYOND_THIS_VERSION for item in error.errors()):
                problem = (
                    f"was written by a newer version of Tuneloop than {__version__}, which runs here ({where}). "
                    "Nothing was changed; upgrade Tuneloop on this machine"
                )
            else:
                problem = f"is not a record of this version ({where}); restore it or upgrade Tuneloop"
            raise CorruptRecord(f"{self.store.uri_of(name)} {problem}") from None

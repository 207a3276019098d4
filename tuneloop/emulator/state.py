"""The emulator's memory: one SQLite file that outlives the process."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Entry = TypeVar("Entry", bound="DataclassInstance")

_ENTRIES = """CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY, kind TEXT, id TEXT, entry TEXT, UNIQUE (kind, id))"""


class State:
    """One SQLite connection behind one lock, shared by every thread of one emulator.

    Other processes do not open the file; they use the control routes.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing; only a power cut would, and no test cuts the power.
        self._connection.execute("PRAGMA synchronous=OFF")
        self.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        self.execute(_ENTRIES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let everything inside take place together or not at all.

        A transaction inside a transaction of the same thread joins the outer one.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back
                yield

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run one statement in a transaction; return its rows."""
        with self.transaction():
            return self._connection.execute(statement, values).fetchall()

    def setting(self, name: str) -> Any:
        """Return the JSON value stored under this name, None where there is none."""
        rows = self.execute("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Table(Generic[Entry]):
    """Dataclasses of one kind, kept as JSON by their ids, in the order in which they came."""

    def __init__(self, state: State, kind: type[Entry]) -> None:
        self._state = state
        self._kind = kind

    def __len__(self) -> int:
        rows = self._state.execute("SELECT COUNT(*) FROM entries WHERE kind = ?", self._kind.__name__)
        return int(rows[0][0])

    def add(self, entry_id: str, entry: Entry) -> Entry:
        """Add an entry. Raises `sqlite3.IntegrityError` if there is one of this id."""
        row = (self._kind.__name__, entry_id, json.dumps(asdict(entry)))
        self._state.execute("INSERT INTO entries (kind, id, entry) VALUES (?, ?, ?)", *row)
        return entry

    def change(self, entry_id: str, **fields: Any) -> Entry | None:
        """Change fields of an entry and return it, None if there is none of this id."""
        with self._state.transaction():
            found = self.find(entry_id)
            if found is None:
                return None
            changed = replace(found, **fields)
            row = (json.dumps(asdict(changed)), self._kind.__name__, entry_id)
            self._state.execute("UPDATE entries SET entry = ? WHERE kind = ? AND id = ?", *row)
            return changed

    def find(self, entry_id: str) -> Entry | None:
        query = "SELECT entry FROM entries WHERE kind = ? AND id = ?"
        rows = self._state.execute(query, self._kind.__name__, entry_id)
        return self._kind(**json.loads(rows[0][0])) if rows else None

    def all(self) -> list[Entry]:
        query = "SELECT entry FROM entries WHERE kind = ? ORDER BY position"
        return [self._kind(**json.loads(text)) for (text,) in self._state.execute(query, self._kind.__name__)]

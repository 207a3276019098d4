"""The emulator's memory: one SQLite file that outlives the process."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SETTINGS = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)"


class State:
    """One SQLite connection behind one lock, shared by every thread of one emulator.

    Other processes do not open the file; they use the control routes.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing; only a power cut would, and no test cuts the power.
        self._connection.execute("PRAGMA synchronous=OFF")
        self.create(_SETTINGS)

    def create(self, schema: str) -> None:
        """Create the table of one store, if it is not there yet."""
        with self._lock:
            self._connection.execute(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection; everything inside takes place together or not at all.

        A transaction inside a transaction of the same thread joins the outer one.
        """
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                if outermost:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def execute(self, statement: str, *values: object) -> int:
        """Run one statement in a transaction; return the id of the last row it inserted."""
        with self.transaction() as connection:
            return int(connection.execute(statement, values).lastrowid or 0)

    def query(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Return every row of one query."""
        with self.transaction() as connection:
            return connection.execute(statement, values).fetchall()

    def setting(self, name: str) -> Any:
        """Return the JSON value stored under this name, None where there is none."""
        rows = self.query("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(rows[0]["value"]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        """Store a JSON value under this name."""
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def close(self) -> None:
        """Close the file; the state stays."""
        with self._lock:
            self._connection.close()

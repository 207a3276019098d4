"""What is said of single jobs beside their state."""

from typing import Literal

from tuneloop.emulator.state import State

_TABLE = "CREATE TABLE IF NOT EXISTS job_marks (id TEXT, mark TEXT, PRIMARY KEY (id, mark))"

Mark = Literal["unlisted", "deleted", "v2 only"]
"""
unlisted: never shows in a list.
deleted: the client has deleted it.
v2 only: its model draws on the queue alone.
"""


class JobMarks:
    """Marks by job; a mark stays."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(_TABLE)

    def add(self, job_id: str, mark: Mark) -> None:
        """Mark a job."""
        with self._state.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO job_marks VALUES (?, ?)", (job_id, mark))

    def has(self, job_id: str, mark: Mark) -> bool:
        """Tell whether a job has a mark."""
        return job_id in self.having(mark)

    def having(self, *marks: Mark) -> set[str]:
        """Return the jobs with any of the marks."""
        with self._state.transaction() as connection:
            rows = connection.execute("SELECT id, mark FROM job_marks").fetchall()
        return {row["id"] for row in rows if row["mark"] in marks}

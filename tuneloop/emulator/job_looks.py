"""How a job is shown where a provider does not show what was sent, or not in the documented form."""

import json
from collections.abc import Sequence
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.state import State
from tuneloop.emulator.status_words import spoken
from tuneloop.emulator.switches import SwitchBoard, Switches

_TABLE = "CREATE TABLE IF NOT EXISTS job_looks (id TEXT PRIMARY KEY, fields TEXT NOT NULL, without TEXT NOT NULL)"
_NAMES = ("name", "finetune_comment")
_SHORT = 12


class JobLooks:
    """What is said of jobs in lists and details, changed on its way out; the job itself stays what it is."""

    def __init__(self, state: State, clock: Clock, switches: SwitchBoard) -> None:
        self._state = state
        self._clock = clock
        self._switches = switches
        state.create(_TABLE)

    def change(self, job_id: str, fields: dict[str, Any], without: Sequence[str]) -> None:
        """Show some fields of one job as said, and leave out others; nothing of either ends it."""
        with self._state.transaction() as connection:
            row = (job_id, json.dumps(fields), json.dumps(list(without)))
            connection.execute("INSERT OR REPLACE INTO job_looks VALUES (?, ?, ?)", row)

    def shown(self, job: Job, document: dict[str, Any]) -> dict[str, Any]:
        """Return what goes out in place of the documented fields of a job."""
        fields, without = self._changed(job.id)
        usual = {name: self._usual(job, name, value) for name, value in document.items()}
        changed = {name: value for name, value in fields.items() if name in document}
        left_out = {*without, *(_NAMES if self._switches.now.shown_name == "missing" else ())}
        return {name: value for name, value in (usual | changed).items() if name not in left_out}

    def _changed(self, job_id: str) -> tuple[dict[str, Any], list[str]]:
        with self._state.transaction() as connection:
            row = connection.execute("SELECT * FROM job_looks WHERE id = ?", (job_id,)).fetchone()
        return ({}, []) if row is None else (json.loads(row["fields"]), json.loads(row["without"]))

    def _usual(self, job: Job, name: str, value: Any) -> Any:
        switches = self._switches.now
        if name == "status":
            return spoken(value, switches.status_words)
        if name in _NAMES:
            late = self._clock.now() < job.created + switches.name_lag_s
            return None if late else _renamed(job, switches)
        return shown_id(job.id) if value == job.id else value


def shown_id(job_id: str) -> str | int:
    """Return an id as JSON holds it: a number, where the provider counts."""
    return int(job_id) if job_id.isdecimal() else job_id


def _renamed(job: Job, switches: Switches) -> str | None:
    forms: dict[str, str | None] = {
        "as sent": job.name,
        "missing": job.name,
        "null": None,
        "empty": "",
        "upper case": job.name.upper(),
        "cut short": job.name[:_SHORT],
        "with id": f"{job.name}-{job.id[:8]}",
        "spaced": f" {job.name} ",
    }
    return forms[switches.shown_name]

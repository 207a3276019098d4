"""Lets what is in a store look as if it had been written long ago."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Rejected, RunRecord, training_record
from tuneloop.storage.local import LocalDirectory


def folder_of(ledger: Ledger) -> Path:
    assert isinstance(ledger.store, LocalDirectory)
    return Path(ledger.store.uri.removeprefix("file://"))


def age(ledger: Ledger, name: str, by: timedelta) -> None:
    """Let one file look as old as this, by the store's clock."""
    moment = time.time() - by.total_seconds()
    os.utime(folder_of(ledger) / name, (moment, moment))


def age_marker(ledger: Ledger, run: RunRecord, by: timedelta) -> None:
    """Let a marker look as old as this."""
    (marker,) = [marker for marker in ledger.markers() if marker.flow_run == run.flow_run]
    age(ledger, marker.name, by)


def age_records(ledger: Ledger, run: RunRecord, by: timedelta) -> None:
    """Let the records of a training say that they were written so long ago."""
    for name in ledger.numbered(f"trainings/{run.key}/"):
        record = training_record.validate_json(ledger.store.read(name))
        older = record.model_copy(update={"created_at": now() - by})
        (folder_of(ledger) / name).write_text(older.model_dump_json())


def age_refusal(ledger: Ledger, run: RunRecord) -> None:
    """Let the last refusal of a training's submit look so old that the next attempt may begin."""
    name = ledger.numbered(f"trainings/{run.key}/")[-1]
    rejected = ledger.read_record(name, Rejected)
    assert rejected.settled_after is not None
    older = rejected.model_copy(update={"settled_after": now() - timedelta(seconds=1)})
    (folder_of(ledger) / name).write_text(older.model_dump_json())

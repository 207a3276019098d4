"""Is there room where something is written?"""

from __future__ import annotations

from pathlib import Path
from shutil import disk_usage

from tuneloop.operations.doctor.check import Check, ok, problem, unknown

STORE_BYTES = 2 << 30
"""Weights of the larger trainers, the images and the renders of a few trainings."""
TEMPORARY_BYTES = 1 << 30
"""A dataset that is downloaded or unpacked."""
PREFECT_BYTES = 1 << 30
"""Prefect's database, which grows with each run, and copies of it while it is tidied up."""


def disk_checks(what: str, folder: Path, needed_bytes: int) -> list[Check]:
    """Check that a folder, or what of its path is there, has as much free as it may soon need."""
    name = f"disk, {what}"
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free_bytes = disk_usage(there).free
    except OSError as error:
        return [unknown(name, "cannot be read", f"{folder}: {error.strerror}")]
    return [room_check(name, folder, free_bytes, needed_bytes)]


def room_check(name: str, folder: Path, free_bytes: int, needed_bytes: int) -> Check:
    """Judge how much is free."""
    free = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes >= needed_bytes:
        return ok(name, free)
    return problem(
        name,
        f"only {free}",
        f"{folder} may soon need {needed_bytes / 1e9:.1f} GB: free some space on its disk, or move it to a larger "
        "one",
    )

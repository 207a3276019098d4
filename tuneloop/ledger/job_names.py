"""Names of jobs that a provider tells only one by one: asked for once, and kept in the store."""

from __future__ import annotations

import hashlib

from tuneloop.errors import ObjectNotFound
from tuneloop.storage.base import Store


class StoredNames:
    """The names of one account's jobs.

    Args:
        store: Where they are kept.
        account: Slug of the account.
    """

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._folder = f"job-names/{account}/"

    def get(self, job_id: str) -> str | None:
        """The name that a job was given when it was submitted, None where nobody has asked yet."""
        try:
            return self._store.read(self._name(job_id)).decode()
        except ObjectNotFound:
            return None

    def keep(self, job_id: str, name: str) -> None:
        """Keep a name; it never changes."""
        self._store.create(self._name(job_id), name.encode())

    def _name(self, job_id: str) -> str:
        return f"{self._folder}{hashlib.sha256(job_id.encode()).hexdigest()[:32]}.txt"

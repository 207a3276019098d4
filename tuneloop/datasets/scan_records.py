"""What an earlier scan of a dataset has found, kept in the store by how the dataset looked from outside.

Created once for each state and never trusted for what is paid: it lets a run say that nothing has changed, and
every other run reads and hashes all of the dataset. Losing all of it costs time and nothing else.
"""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from tuneloop.errors import ObjectNotFound
from tuneloop.schemas.canonical import canonical_json, digest_of
from tuneloop.schemas.dataset import Sha256
from tuneloop.schemas.findings import Finding
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.storage.base import Store

_CHECKS = 2
"""Raise it when a check sees more or a finding gets another meaning: then every dataset is read again."""


class ScanRecord(FrozenModel):
    """A dataset that was read and hashed, and could be used."""

    digest: Sha256
    images: int
    findings: tuple[Finding, ...]


def scan_record_name(state: str, recipe: BaseRecipe) -> str:
    """Where a record is kept."""
    document: JsonValue = {"checks": _CHECKS, "state": state, "recipe": recipe.model_dump(mode="json")}
    return f"scans/{digest_of(document)}.json"


def load_scan_record(store: Store, name: str) -> ScanRecord | None:
    """What is kept under a name, None where nothing readable is."""
    try:
        return ScanRecord.model_validate_json(store.read(name))
    except (ObjectNotFound, ValidationError):
        return None


def save_scan_record(store: Store, name: str, record: ScanRecord) -> None:
    """Keep a record; the first one stays."""
    store.create(name, canonical_json(record.model_dump(mode="json")))

"""One spelling per value, so that equal values have equal digests on every host and for ever."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import JsonValue


def drop_empty(value: JsonValue) -> JsonValue:
    """Drop None and what is empty after that, at every depth.

    A form posts every field, a YAML file only those that are set; both mean the same.
    """
    if isinstance(value, dict):
        kept = {key: drop_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ({}, [])}
    if isinstance(value, list):
        return [drop_empty(item) for item in value]
    return value


def canonical_json(value: Any) -> bytes:
    """Spell a JSON value in the one way that is hashed: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """Sha256 (64 hex digits) of the canonical spelling of a JSON value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()

"""What the verifiers of providers' webhook calls read of a body."""

from __future__ import annotations

import json
from typing import Any


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body; what is no JSON object counts as an empty one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def named_job(document: dict[str, Any], *keys: str) -> str:
    """The first of these keys that holds a text, of at most 128 characters; "" where none does."""
    return next((document[key][:128] for key in keys if isinstance(document.get(key), str)), "")

"""What can be wrong at the end of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "double payment",
    "lost weights",
    "stuck",
    "unbounded claims",
    "unbounded images",
    "no clear stop",
    "ledger",
    "limit",
    "champion",
    "image",
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    what: str

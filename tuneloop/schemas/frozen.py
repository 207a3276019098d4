"""The one base of all values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """An immutable value that refuses unknown fields.

    A field that a form or a report shows has a `description`. Docstrings are for readers of the code: to use them
    as descriptions, pydantic would search the source of each class on import, which takes milliseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

"""What a provider's word for a job's state means to us, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tuneloop.schemas.training import Phase

_BAD_ENDS_ELSEWHERE = frozenset({"canceled", "cancelled", "aborted", "expired"})
"""Words of other services that leave no doubt. Good ends do: only the provider's own means that weights exist."""


def phase_of(word: str, documented: Mapping[str, Phase]) -> tuple[Phase, bool]:
    """The phase that a word stands for, and whether the provider documents it; case and separators do not matter.

    Args:
        word: The word.
        documented: The provider's own words.
    """
    folded = _folded(word)
    for known, phase in documented.items():
        if _folded(known) == folded:
            return phase, True
    return ("failed" if folded in _BAD_ENDS_ELSEWHERE else "running"), False


def same_status(word: str, known: str) -> bool:
    """Tell whether a word is a known one, however it is spelled."""
    return _folded(word) == _folded(known)


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()

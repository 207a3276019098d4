"""Ids, texts, statuses and rows of lists in responses: one invalid row does not hide the others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.redaction import redact
from tuneloop.schemas.training import JobStatus, Phase, is_job_name

_FURTHEST: tuple[Phase, ...] = ("failed", "running", "trained", "ready")
_NEXT_PAGE = re.compile(r"""rel\s*=\s*["']?next\b""", re.IGNORECASE)
_MARKERS = (
    "next", "next_page", "next_cursor", "next_token", "next_page_token", "nextPageToken", "cursor", "has_more",
)  # fmt: skip
_TOTALS = ("x-total-count", "x-total", "total-count")
_PART_OF_OURS = re.compile(r"[0-9a-f]{8}", re.IGNORECASE)
_SMALLEST_PAGE = 10
_SHOWN = 200
_WRAPPERS = ("data", "finetune", "result")
"""Objects in which a submit's response may have its id."""
_BAD_ENDS_ELSEWHERE = frozenset({"canceled", "cancelled", "aborted", "expired"})
"""Words of other services that leave no doubt. Good ends do: only the provider's own means that weights exist."""


class RowUnreadable(Exception):
    """One row of a list is not as documented; the text says what of it."""


def id_of(value: Any) -> str | None:
    """An id as text; some services spell theirs as numbers. None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value)


def text_of(value: Any) -> str | None:
    """A text that says something, None for everything else."""
    return value if isinstance(value, str) and value.strip() else None


def required_text(response: Response, field: str, what: str) -> str:
    """A field's text. Raises `UnexpectedResponse` where the response, which is of `what`, has none."""
    document = response.json()
    found = text_of(document.get(field)) if isinstance(document, dict) else None
    if found is None:
        raise UnexpectedResponse(f"{what} should have a {field}", **response.details)
    return found


def may_be_ours(name: str | None) -> bool:
    """Tell whether a name in a list may be one of ours that the provider has lost, cut, or spelled otherwise."""
    return name is None or (not is_job_name(name) and _PART_OF_OURS.search(name) is not None)


def shown_text(value: Any, secrets: tuple[str, ...]) -> str | None:
    """Any JSON as text for people, None for nothing."""
    if value in (None, "", [], {}):
        return None
    return redact(value if isinstance(value, str) else json.dumps(value), secrets)


def skipped_row_note(job_id: str | None, name: str | None, reason: object) -> str:
    """Say that a row was skipped, and why."""
    called = f" named {redact(name)[:_SHOWN]!r}" if name else ""
    return f"the list's row of job {redact(job_id or 'without an id')[:_SHOWN]}{called} was skipped: {reason}"


def most_advanced(one: JobStatus | None, other: JobStatus) -> JobStatus:
    """Of two rows of one job, the one that is further: jobs do not go back."""
    if one is None:
        return other
    return max(one, other, key=lambda job: _FURTHEST.index(job.phase))


def may_be_truncated(rows: int, headers: Mapping[str, str], document: Any) -> bool:
    """Tell whether a list of so many rows may be the first page of a longer one.

    No provider documents pages. So a mark of a further page counts, in a header or beside the list in its object,
    and a length that pages usually have: a whole list of just that length costs a look by a person, a cut one
    that is believed costs a training.
    """
    if _NEXT_PAGE.search(headers.get("link", "")) or headers.get("x-next-page", "").strip():
        return True
    if any(headers.get(name, "").strip() not in {"", str(rows)} for name in _TOTALS):
        return True
    if isinstance(document, dict) and any(document.get(marker) for marker in _MARKERS):
        return True
    is_power_of_two = rows & (rows - 1) == 0
    return rows >= _SMALLEST_PAGE and (rows % 10 == 0 or rows % 25 == 0 or is_power_of_two)


def phase_of(status: str, documented: Mapping[str, Phase]) -> tuple[Phase, bool]:
    """The phase that a status stands for, and whether it is documented; case and separators do not matter."""
    folded = _folded(status)
    for known, phase in documented.items():
        if _folded(known) == folded:
            return phase, True
    return ("failed" if folded in _BAD_ENDS_ELSEWHERE else "running"), False


def same_status(status: str, known: str) -> bool:
    """Return True if a status is a known one, however it is spelled."""
    return _folded(status) == _folded(known)


def _folded(status: str) -> str:
    return re.sub(r"[\s_-]+", " ", status).strip().casefold()


def accepted_id(response: Response, fields: tuple[str, ...]) -> str:
    """Read the id of what was just submitted: it is paid for, so that every usual place is looked into.

    Raises:
        UnexpectedResponse: There is none. The error shows the response, which may say why.
    """
    document = response.json()
    for place in _places(document):
        for field in fields:
            if (found := id_of(place.get(field))) is not None:
                return found
    raise UnexpectedResponse("the submit was answered without an id", **response.details)


def _places(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        return []
    return [item for item in (document, *map(document.get, _WRAPPERS)) if isinstance(item, dict)]

"""The states that BFL's `get_result` shows. Source: BFL, OpenAPI."""

from __future__ import annotations

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.providers.bfl.errors import map_error
from tuneloop.schemas.training import Phase

PHASES: dict[str, Phase] = {
    "Pending": "running",
    "Ready": "ready",
    "Error": "failed",
    "Request Moderated": "failed",
    "Content Moderated": "failed",
}
"""State words of `get_result`. "Task not found" is looked at more closely."""

WITH_STATE = (200, 404, 422)
"""Statuses under which `get_result` shows a state: 200 by its page; 404 and 422 have been seen with one."""


def status_of(response: Response) -> str:
    """The state that a result shows. Raises the mapped error where it shows none."""
    document = response.json()
    word = document.get("status") if isinstance(document, dict) else None
    if isinstance(word, str) and word.strip():
        return word.strip()
    if response.status != 200:  # noqa: PLR2004
        raise map_error(response)
    raise UnexpectedResponse("the result should hold a status", **response.details)

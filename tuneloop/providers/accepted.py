"""The id in the response to a submit."""

from __future__ import annotations

from typing import Any

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.providers.list_rows import id_of

_WRAPPERS = ("data", "finetune", "result")


def accepted_id(response: Response, fields: tuple[str, ...]) -> str:
    """Read the id of what was just submitted: it is paid for, so that every usual place is looked into.

    Args:
        response: The response to the submit.
        fields: What the id may be called, the likeliest first.

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

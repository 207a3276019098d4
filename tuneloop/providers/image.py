"""Finds the image in whatever a rendering service answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Literal

from tuneloop.errors import RequestRejected, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.schemas.training import RenderedImage

Suffix = Literal[".jpg", ".png", ".webp"]
_PLACES = (
    "image",
    "images",
    "output",
    "outputs",
    "result",
    "data",
    "url",
    "image_url",
    "output_url",
    "media_url",
    "b64_json",
)
"""Keys under which services are known to put their images, the likeliest first."""
_DEPTH = 4


def suffix_of(data: bytes) -> Suffix | None:
    """Tell an image's format by its first bytes, None where it is no image that we know."""
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return None


def image_of(data: bytes, response: Response) -> RenderedImage:
    """Take bytes as an image. Raises `UnexpectedResponse` where they are none."""
    suffix = suffix_of(data)
    if suffix is None:
        raise UnexpectedResponse("a jpeg, png or webp image was expected", **response.details)
    return RenderedImage(data=data, suffix=suffix)


def billed_but_unavailable(error: RequestRejected) -> UnexpectedResponse:
    """Make of it what it is after the order was taken: the image is billed, and is not handed out."""
    return UnexpectedResponse(
        f"the image was accepted, and asking for it was refused: {error.reason}",
        provider=error.provider,
        status=error.status,
        request_id=error.request_id,
        excerpt=error.excerpt,
    )


def find_image(document: Any) -> bytes | str | None:
    """Look for an image in a JSON response: in the usual places, then in all, where only one can be meant.

    Returns:
        Its bytes where it is spelled in base64, its address where it is named by one, None where there is none.
    """
    found = _in_usual_places(document, _DEPTH)
    if found is not None:
        return found
    anywhere = set(_anywhere(document, _DEPTH))
    likeliest = {item for item in anywhere if isinstance(item, bytes)} or anywhere
    return likeliest.pop() if len(likeliest) == 1 else None


def _in_usual_places(document: Any, depth: int) -> bytes | str | None:
    if isinstance(document, str):
        return _from_text(document)
    if depth == 0:
        return None
    inner = document if isinstance(document, list) else []
    if isinstance(document, dict):
        inner = [document[key] for key in _PLACES if key in document]
    return next((found for item in inner if (found := _in_usual_places(item, depth - 1)) is not None), None)


def _anywhere(document: Any, depth: int) -> Iterator[bytes | str]:
    if isinstance(document, str):
        found = _from_text(document)
        yield from [] if found is None else [found]
    elif isinstance(document, dict | list) and depth:
        for item in document.values() if isinstance(document, dict) else document:
            yield from _anywhere(item, depth - 1)


def _from_text(text: str) -> bytes | str | None:
    if text.startswith(("https://", "http://")):
        return text
    if text.startswith("data:image/"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if suffix_of(data) else None

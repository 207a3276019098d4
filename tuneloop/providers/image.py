"""Finds the image in whatever a rendering service answers."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from tuneloop.errors import ProviderUnavailable, RequestRejected, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.schemas.training import RenderedImage

Suffix = Literal[".jpg", ".png", ".webp"]
_PLACES = (
    "image", "images", "output", "outputs", "result", "data", "url", "image_url", "output_url", "media_url",
    "b64_json",
)  # fmt: skip
"""Keys under which services are known to put their images, the likeliest first."""
_DEPTH = 4
POLL_PAUSE_S = 1.0
"""Between two looks for an image; the first ones come sooner, because most images take a second or two."""
_FIRST_PAUSE_S = 0.2
_FETCH_WAIT_S = 90.0
"""For an image that is paid and rendered: more than one request that stalls."""

_T = TypeVar("_T")


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


class RenderingFailed(RequestRejected):
    """An image that was accepted has failed: it is not billed."""


def wait_for_image(ask: Callable[[], _T | None], longest_wait_s: float, accepted: Response) -> _T:
    """Ask for an image until it is there, None before. It is billed by now: what may pass is waited for.

    Raises:
        RenderingFailed: As `ask` does.
        ProviderUnavailable: It is not there in time.
        UnexpectedResponse: The provider refuses to hand it out.
    """
    until = time.monotonic() + longest_wait_s
    reason = f"the image is still not rendered after {longest_wait_s / 60:g} minutes"
    pause = min(_FIRST_PAUSE_S, POLL_PAUSE_S)
    while True:
        try:
            if (found := ask()) is not None:
                return found
        except RenderingFailed:
            raise
        except ProviderUnavailable as error:
            reason = f"the image request was accepted, but the image cannot be fetched: {error.reason}"
        except RequestRejected as error:
            raise UnexpectedResponse(
                f"the image request was accepted, but polling it was rejected: {error.reason}",
                provider=error.provider, status=error.status, request_id=error.request_id, excerpt=error.excerpt,
            ) from None  # fmt: skip
        if time.monotonic() > until:
            raise ProviderUnavailable(reason, **accepted.details)
        time.sleep(pause)
        pause = min(1.5 * pause, POLL_PAUSE_S)


def image_in(document: Any, response: Response, transport: Transport, hosts: ExpectedHosts) -> RenderedImage:
    """The one image that a JSON response holds or names. Raises `UnexpectedResponse` where there is none."""
    found = find_image(document)
    if found is None:
        raise UnexpectedResponse("the response holds no image", **response.details)
    return image_of(found, response) if isinstance(found, bytes) else image_at(found, response, transport, hosts)


def image_at(
    address: str, response: Response, transport: Transport, hosts: ExpectedHosts, *, with_key: bool = False
) -> RenderedImage:
    """Fetch an image that is rendered, and so billed: a cut connection is no reason to pay for it again."""
    hosts.check(address, "the image's address", response)
    data = wait_for_image(lambda: transport.image(address, with_key=with_key), _FETCH_WAIT_S, response)
    return image_of(data, response)


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

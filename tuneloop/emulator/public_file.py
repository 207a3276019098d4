"""Files that a request names by a public URL. The emulator fetches them, from this machine only."""

import http.client
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

_HOSTS = ("127.0.0.1", "localhost")
_TIMEOUT_S = 10.0
_CHUNK = 1 << 20


class NotPublic(Exception):
    """The URL does not serve a file as it must; the text says what is wrong with it."""


def fetch(url: str, keep: Callable[[bytes], object]) -> None:
    """Read a file piece by piece, after a HEAD that must agree with it.

    Args:
        url: `http` on a loopback address; redirects are not followed.
        keep: takes the pieces in order.

    Raises:
        NotPublic: if it is another kind of URL, or its server does not answer HEAD and GET with the same
            Content-Length and as many bytes.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise NotPublic("is no URL") from None
    if parts.scheme != "http" or parts.hostname not in _HOSTS:
        raise NotPublic("is not reachable from here")
    try:
        announced = _transfer("HEAD", parts, None)
        sent = _transfer("GET", parts, keep)
    except (OSError, ValueError, http.client.HTTPException):
        raise NotPublic("is not reachable") from None
    if announced != sent:
        raise NotPublic("answers HEAD and GET with different lengths")


def _transfer(method: str, parts: SplitResult, keep: Callable[[bytes], object] | None) -> int:
    """Make one request and return its Content-Length; the body, if any, goes to `keep`."""
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
        response = connection.getresponse()
        length = response.getheader("Content-Length")
        if response.status != 200:
            raise NotPublic(f"answers {method} with {response.status}")
        if length is None or not length.isdigit():
            raise NotPublic(f"answers {method} without Content-Length")
        received = 0
        while keep is not None and (chunk := response.read(_CHUNK)):
            received += len(chunk)
            keep(chunk)
        if keep is not None and received != int(length):
            raise NotPublic("ends before its last byte")
        return int(length)
    finally:
        connection.close()

"""The emulator's own requests: public files that it fetches, and webhooks that it sends, on this machine only."""

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOSTS = ("127.0.0.1", "localhost")
_TIMEOUT_S = 10.0
_CHUNK = 1 << 20
_READ_BYTES = 1 << 16
"""As much of a webhook's response as is read, so that its sender is not cut off."""


class NotPublic(Exception):
    """The URL does not serve a file as it must; the text says what is wrong with it."""


def reachable(url: str) -> bool:
    """Return True for a URL that the emulator would call: `http` on a loopback name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    sendable = url.isascii() and url.isprintable() and " " not in url
    return sendable and parts.scheme == "http" and parts.hostname in _HOSTS and port != 0


def _connection(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s), path


def fetch(url: str, keep: Callable[[bytes], object], *, head: bool = True) -> None:
    """Read a file piece by piece; redirects are not followed.

    Args:
        url: a `reachable` one.
        keep: takes the pieces.
        head: whether a HEAD goes first, which must agree; an address that is signed for GET has none.

    Raises:
        NotPublic: if it is another URL, or its server does not answer with Content-Length and as many bytes, to
            HEAD and GET alike.
    """
    if not reachable(url):
        raise NotPublic("is not reachable from here")
    try:
        announced = _transfer("HEAD", url, None) if head else None
        sent = _transfer("GET", url, keep)
    except (OSError, ValueError, http.client.HTTPException):
        raise NotPublic("is not reachable") from None
    if announced not in (None, sent):
        raise NotPublic("answers HEAD and GET with different lengths")


def _transfer(method: str, url: str, keep: Callable[[bytes], object] | None) -> int:
    """Make one request and return its Content-Length; the body, if any, goes to `keep`."""
    connection, path = _connection(url, _TIMEOUT_S)
    with closing(connection):
        connection.request(method, path)
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


@dataclass(frozen=True)
class Outcome:
    """What came of a POST: the HTTP status of the response, or why there was none."""

    status: int | None
    error: str | None

    @property
    def arrived(self) -> bool:
        """Whether the receiver has taken it; a redirect does not count, and is not followed."""
        return self.status is not None and 200 <= self.status < 300


class Poster:
    """Makes POSTs that can be broken off all at once, so that a stopping emulator waits for no receiver."""

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Outcome:
        """Make one POST of JSON to a `reachable` URL; the receiver may be silent for some real seconds."""
        connection, path = _connection(url, timeout_s)
        # As bytes, because a secret need not be Latin-1.
        encoded = {name: value.encode() for name, value in headers.items()}
        line = None
        try:
            connection.connect()
            line = self._opened(connection.sock)
            connection.request("POST", path, body, {**encoded, "Content-Type": b"application/json"})
            response = connection.getresponse()
            response.read(_READ_BYTES)
            return Outcome(response.status, None)
        except ValueError:
            # Not the text of the error, which would quote the header and so the secret.
            return Outcome(None, "a header cannot be sent: the secret has a line break or the like in it")
        except (OSError, http.client.HTTPException) as error:
            return Outcome(None, f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                # A response that closes the connection takes the socket from it.
                self._open -= {line}
            connection.close()

    def stop(self) -> None:
        """Break off every POST under way, and make no other."""
        with self._lock:
            self.stopped = True
            for line in self._open:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def _opened(self, line: socket.socket) -> socket.socket:
        with self._lock:
            if self.stopped:
                raise ConnectionAbortedError("the emulator stops")
            self._open.add(line)
        return line

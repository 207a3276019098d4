"""One POST to a receiver on this machine. The emulator talks to nobody else."""

import http.client
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_HOSTS = ("127.0.0.1", "localhost")
_READ_BYTES = 1 << 16
"""As much of an answer as is read, so that its sender is not cut off; nobody looks at it."""


@dataclass(frozen=True)
class Outcome:
    """What came of a POST."""

    status: int | None
    """HTTP status of the answer."""
    error: str | None
    """Why there was none."""

    @property
    def arrived(self) -> bool:
        """Whether the receiver has taken it; a redirect is no such answer, and is not followed."""
        return self.status is not None and 200 <= self.status < 300


def reachable(url: str) -> bool:
    """Tell whether a URL is one that the emulator would call: `http` on a loopback name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    sendable = url.isascii() and url.isprintable() and " " not in url
    return sendable and parts.scheme == "http" and parts.hostname in _HOSTS and port != 0


class Poster:
    """Makes POSTs that can be broken off all at once, so that a stopping emulator waits for no receiver."""

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Outcome:
        """Make one POST.

        Args:
            url: one that is `reachable`.
            body: JSON.
            headers: further ones.
            timeout_s: real seconds that the receiver may be silent.
        """
        # As bytes, because a secret need not be Latin-1.
        encoded = {name: value.encode() for name, value in headers.items()}
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
        try:
            return self._made(connection, parts, body, {**encoded, "Content-Type": b"application/json"})
        except ValueError:
            # Not the text of the error, which would quote the header and so the secret.
            return Outcome(None, "a header cannot be sent: the secret has a line break or the like in it")
        except (OSError, http.client.HTTPException) as error:
            return Outcome(None, f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _made(
        self, connection: http.client.HTTPConnection, parts: SplitResult, body: bytes, headers: dict[str, bytes]
    ) -> Outcome:
        connection.connect()
        line = connection.sock
        with self._lock:
            if self.stopped:
                raise ConnectionAbortedError("the emulator stops")
            self._open.add(line)
        try:
            path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(_READ_BYTES)
            return Outcome(answer.status, None)
        finally:
            with self._lock:
                self._open.discard(line)

    def stop(self) -> None:
        """Break off every POST under way, and make no other."""
        with self._lock:
            self.stopped = True
            for line in self._open:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

"""One POST to a receiver on this machine. The emulator talks to nobody else."""

import http.client
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOSTS = ("127.0.0.1", "localhost")
_READ_BYTES = 1 << 16
"""As much of a response as is read, so that its sender is not cut off."""


@dataclass(frozen=True)
class Outcome:
    """What came of a POST: the HTTP status of the response, or why there was none."""

    status: int | None
    error: str | None

    @property
    def arrived(self) -> bool:
        """Whether the receiver has taken it; a redirect does not count, and is not followed."""
        return self.status is not None and 200 <= self.status < 300


def reachable(url: str) -> bool:
    """Return True for a URL that the emulator would call: `http` on a loopback name."""
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
        """Make one POST of JSON to a `reachable` URL; the receiver may be silent for some real seconds."""
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        # As bytes, because a secret need not be Latin-1.
        encoded = {name: value.encode() for name, value in headers.items()}
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
        line = None
        try:
            line = self._connect(connection)
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

    def _connect(self, connection: http.client.HTTPConnection) -> socket.socket:
        connection.connect()
        with self._lock:
            if self.stopped:
                raise ConnectionAbortedError("the emulator stops")
            self._open.add(connection.sock)
        return connection.sock

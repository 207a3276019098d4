"""Sessions that send each request once, and cut a response that takes too long as a whole.

The library's own repetitions are switched off: it asks for the method on some errors only, so that a POST over a
broken TLS connection would be sent, and billed, several times.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse
from urllib3.util import Retry


class ResponseTooSlow(TimeoutError):
    """A response did not end in time, however steadily it came."""


class ResponseTimeout:
    """Cuts the connection when a response takes too long as a whole: a read time-out begins anew with each byte.

    One response may be read in the `with` block; its time begins when its request has been sent. Leaving the block
    raises `ResponseTooSlow` where the time was over.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: object = None
        self._timer: threading.Timer | None = None
        self._over = False
        self._token: Token[ResponseTimeout | None] | None = None

    def __enter__(self) -> Self:
        self._token = _TIMEOUT.set(self)
        return self

    def begin(self, connection: object) -> None:
        self._socket = connection
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self._over = True
        if isinstance(self._socket, socket.socket):
            with suppress(OSError):
                # Not a TLS socket's own shutdown, which is unsafe while another thread reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _TIMEOUT.reset(self._token)
        if self._timer is not None:
            self._timer.cancel()
        if self._over:
            raise ResponseTooSlow(f"it did not respond in full within {self._seconds:g} s")


_TIMEOUT: ContextVar[ResponseTimeout | None] = ContextVar("response_timeout", default=None)


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        timeout = _TIMEOUT.get()
        if timeout is not None:
            timeout.begin(self.sock)
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    """The same, over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Once(HTTPAdapter):
    """Sends each request once, whatever goes wrong."""

    def __init__(self) -> None:
        super().__init__(max_retries=Retry(0, redirect=0, raise_on_status=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _TlsPool}


class _NoNetrc(AuthBase):
    """Adds nothing. Without it the library sends what ~/.netrc has for a host, or for all of them."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Session(requests.Session):
    """Knows no redirects. Even where it may not follow one, the library reads its whole body into memory."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


def new_session() -> requests.Session:
    """A session that honours proxies and certificate bundles of the environment, and no ~/.netrc."""
    session = _Session()
    session.auth = _NoNetrc()
    session.headers["Accept-Encoding"] = "gzip"
    adapter = _Once()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

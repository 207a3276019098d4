"""The receiver: verify a call, request a sensor run of its account, respond."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tuneloop.errors import ProviderUnavailable
from tuneloop.redaction import redact
from tuneloop.webhooks.account import READY, ROUTE, WebhookAccount

PAUSE_S = 30.0
"""From one sensor run of an account to the next. Whoever knows an address can cause no more than that."""
BODY_LIMIT = 16 << 20
"""Bytes of a body that are read. Most calls have a few hundred; some hold the whole log of a training."""
_DISCARD_LIMIT = 64 << 20
_READ_TIMEOUT_S = 15
_HANG_UP = {"Connection": "close"}
"""Without it the server goes on reading a body that nobody wants, to its end."""
_LOG = logging.getLogger("tuneloop.webhooks")


class _TooLarge(Exception):
    """A body is larger than any provider's."""


def webhook_app(
    accounts: list[WebhookAccount], request_run: Callable[[str], None], pause_s: float = PAUSE_S
) -> Starlette:
    """Make the application for the accounts whose providers may call; see `Debounce` for the rest."""
    debounce = Debounce(request_run, pause_s)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await debounce.close()

    # A wrong verb gets the response of a wrong path: neither tells a stranger anything.
    app = Starlette(
        routes=[Route(ROUTE, _Receiver(accounts, debounce).receive, methods=["GET", "POST"])],
        exception_handlers={404: _not_found, 405: _not_found},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class Debounce:
    """Requests few sensor runs for many calls: one at once, one more for all calls of the pause after it.

    Belongs to one event loop. A call is only a reason to poll early: a request that fails, or that is lost with
    this process, is made good by the sensor's own schedule.

    Args:
        request_run: Asks for a sensor run of an account by its slug; called in a thread, may raise anything.
        pause_s: Seconds from one run of an account to the next.
    """

    def __init__(self, request_run: Callable[[str], None], pause_s: float = PAUSE_S) -> None:
        self._request_run = request_run
        self._pause_s = pause_s
        self._not_before: dict[str, float] = {}
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def notify(self, account: str) -> None:
        """Request a run of an account, unless one is waiting to be requested."""
        if account not in self._waiting:
            self._waiting.add(account)
            task = asyncio.get_running_loop().create_task(self._request(account))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop the requests that wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _request(self, account: str) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._not_before.get(account, 0.0) - loop.time())
        self._not_before[account] = loop.time() + self._pause_s
        # A call that comes from here on may be about something that this run does not see.
        self._waiting.discard(account)
        try:
            await asyncio.to_thread(self._request_run, account)
        except Exception as error:  # noqa: BLE001 - whatever it is, the receiver goes on
            problem = " ".join(redact(str(error) or type(error).__name__).split())
            _LOG.warning("%s: no sensor run, its schedule polls as usual: %s", account, problem)


class _Receiver:
    def __init__(self, accounts: list[WebhookAccount], debounce: Debounce) -> None:
        self._accounts = accounts
        self._debounce = debounce

    async def receive(self, request: Request) -> Response:
        account = self._account_of(request.path_params["provider"], request.path_params["path"])
        if account is None:
            return _not_found(request, None)
        if request.method != "POST":
            return PlainTextResponse(READY)
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                body = await _bounded_body(request)
        except _TooLarge:
            _LOG.warning("%s: a call of more than %d bytes is rejected", account.account, BODY_LIMIT)
            return PlainTextResponse("too large\n", 413, _HANG_UP)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("incomplete body\n", 408, _HANG_UP)
        rejected = await asyncio.to_thread(_verify, account, request.headers, body)
        if rejected is None:
            _LOG.info("%s: call accepted", account.account)
            self._debounce.notify(account.account)
        return rejected or PlainTextResponse("accepted\n")

    def _account_of(self, provider: str, path: str) -> WebhookAccount | None:
        """The account with this path. Compares with every path in full, so that the time taken reveals nothing."""
        found = None
        for account in self._accounts:
            same = hmac.compare_digest(account.path.encode(), path.encode("utf-8", "surrogatepass"))
            if same and account.provider == provider:
                found = account
        return found


def _verify(account: WebhookAccount, headers: Mapping[str, str], body: bytes) -> Response | None:
    """The response to a call that is not verified, None for one that is."""
    try:
        if account.verify(headers, body, account.secret):
            return None
    except ProviderUnavailable as error:
        _LOG.warning("%s: a call cannot be verified right now: %s", account.account, error)
        return PlainTextResponse("try again later\n", 503)
    except Exception as error:  # noqa: BLE001 - a call may hold anything
        problem = redact(f"{type(error).__name__}: {error}")
        _LOG.error("%s: a call could not be verified: %s", account.account, problem)
        return PlainTextResponse("error\n", 500)
    _LOG.warning("%s: a call with a wrong signature, or an old one, is rejected", account.account)
    return PlainTextResponse("not verified\n", 401)


async def _bounded_body(request: Request) -> bytes:
    """Read a body up to the limit. More of a larger one is read and dropped: only then is the response seen."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_LIMIT:
            body += chunk
        elif size > _DISCARD_LIMIT:
            raise _TooLarge
    if size > BODY_LIMIT:
        raise _TooLarge
    return bytes(body)


def _not_found(_: Request, __: Exception | None) -> Response:
    return PlainTextResponse("not found\n", 404, _HANG_UP)

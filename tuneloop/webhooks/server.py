"""The receiver's routes. A call is kept and answered at once; looking is done in the background."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tuneloop.clock import now
from tuneloop.errors import StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.base import Provider
from tuneloop.storage.base import Store
from tuneloop.webhooks.accounts import WebhookAccount
from tuneloop.webhooks.address import ROUTE
from tuneloop.webhooks.following import HintFollower
from tuneloop.webhooks.hint import read_hint
from tuneloop.webhooks.keeping import keep_hint
from tuneloop.webhooks.patience import Act, Following, Patience
from tuneloop.webhooks.questions import Questions
from tuneloop.webhooks.signatures import is_replay, verify_signature

BODY_LIMIT = 1 << 20
"""Bytes of a body that are read; providers' calls have a few hundred."""
_DISCARD_LIMIT = 8 << 20
_READ_TIMEOUT_S = 15
_HANG_UP = {"Connection": "close"}
"""Without it the server goes on reading a body that nobody wants, to its end."""
_LOG = logging.getLogger("tuneloop.webhooks")


@dataclass(frozen=True)
class Installation:
    """What the receiver works with.

    Attributes:
        accounts: Whose providers may call.
        stores: The artifact stores, by their blocks' slugs; the first one keeps the hints.
        open_provider: Opens a credentials block by its slug.
        act: Tells of what was written, and wakes the runs that wait for it.
    """

    accounts: list[WebhookAccount]
    stores: Mapping[str, Store]
    open_provider: Callable[[str], Provider]
    act: Act


class _TooLarge(Exception):
    """A body is larger than any provider's."""


def webhook_app(installation: Installation, patience: Patience | None = None) -> Starlette:
    """Make the application.

    Args:
        installation: What it works with.
        patience: How long hints are followed; the usual while where it is None.
    """
    patience = patience or Patience()
    ledgers = {slug: Ledger(store) for slug, store in installation.stores.items()}
    credentials = {item.account.slug: item.credentials for item in installation.accounts}
    look_every = timedelta(seconds=patience.look_every_s)
    questions = Questions(patience.questions_per_minute)
    follower = HintFollower(ledgers, credentials, installation.open_provider, look_every, questions)
    following = Following(follower, ledgers, installation.act, patience)
    receiver = _Receiver(installation.accounts, ledgers, following)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with following.running(credentials):
            yield

    # A wrong verb is answered as a wrong path is: neither tells a stranger anything.
    app = Starlette(
        routes=[Route(ROUTE, receiver.receive, methods=["GET", "POST"])],
        exception_handlers={404: _nothing_here, 405: _nothing_here},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class _Receiver:
    """Takes calls in.

    Args:
        accounts: Whose providers may call.
        ledgers: The ledger of each store; the first one keeps the hints.
        following: Follows them.
    """

    def __init__(
        self, accounts: list[WebhookAccount], ledgers: Mapping[str, Ledger], following: Following
    ) -> None:
        self._accounts = accounts
        self._store, self._ledger = next(iter(ledgers.items()))
        self._following = following

    async def receive(self, request: Request) -> Response:
        """Keep what a call is about, and answer. 5xx is for a store that does not answer: nothing is kept then."""
        account = self._account_of(request.path_params["provider"], request.path_params["path"])
        if account is None:
            return _nothing_here(request, None)
        if request.method != "POST":
            return PlainTextResponse("ready\n")
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                body = await _bounded_body(request)
        except _TooLarge:
            _LOG.warning("%s: a call of more than %d bytes is refused", account.account.slug, BODY_LIMIT)
            return PlainTextResponse("too large\n", 413, _HANG_UP)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("not read to its end\n", 408, _HANG_UP)
        if not verify_signature(account, request.headers, body):
            _LOG.warning("%s: a call without the account's secret is refused", account.account.slug)
            return PlainTextResponse("not proven\n", 401)
        return await self._take_in(account, body)

    async def _take_in(self, account: WebhookAccount, body: bytes) -> Response:
        moment = now()
        if is_replay(account, body, moment):
            _LOG.warning("%s: a call with an old or future timestamp is ignored", account.account.slug)
            return PlainTextResponse("ignored\n")
        if self._following.is_full:
            _LOG.warning(
                "%s: too many calls are open; the sensor finds what this one is about", account.account.slug
            )
            return PlainTextResponse("too many\n", 503)
        hint = read_hint(account.account, body, moment)
        try:
            is_new = await asyncio.to_thread(keep_hint, self._ledger, hint)
        except StoreError as error:
            _LOG.warning("%s: a call cannot be kept: %s", account.account.slug, error)
            return PlainTextResponse("try again\n", 503)
        if is_new:
            self._following.follow(self._store, hint)
        return PlainTextResponse("noted\n")

    def _account_of(self, provider: str, path: str) -> WebhookAccount | None:
        """The account with this path. Compares with every path in full, so that its time tells nothing."""
        found = None
        for account in self._accounts:
            same = hmac.compare_digest(account.path.encode(), path.encode("utf-8", "surrogatepass"))
            if same and account.account.provider == provider:
                found = account
        return found


async def _bounded_body(request: Request) -> bytes:
    """Read a body up to the limit. Of a larger one some more is read and dropped: only then is the answer seen."""
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


def _nothing_here(_: Request, __: Exception | None) -> Response:
    return PlainTextResponse("not found\n", 404, _HANG_UP)

"""`tuneloop webhooks`: runs the receiver for what the Prefect server knows."""

from __future__ import annotations

import logging
import sys

import uvicorn
from prefect.client.orchestration import get_client
from prefect.logging import disable_run_logger

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import drive_store, open_provider
from tuneloop.orchestration.events import emit_changes
from tuneloop.orchestration.resume import resume_runs
from tuneloop.orchestration.webhook_accounts import hook_accounts
from tuneloop.schemas.shown_text import visible
from tuneloop.sensor.tick import TickResult
from tuneloop.settings import Settings
from tuneloop.storage.base import Store
from tuneloop.webhooks.connections import receiver_config
from tuneloop.webhooks.server import Installation, webhook_app

_LOG = logging.getLogger("tuneloop.webhooks")


def serve_webhooks(stores: list[str], credentials: list[str], host: str, port: int) -> None:
    """Run the receiver until it is interrupted.

    Args:
        stores: Slugs of the stores' blocks; the installation's own where none is named.
        credentials: Slugs of the accounts' blocks; all of the server's where none is named.
        host: Address to listen on.
        port: Port to listen on.

    Raises:
        ConfigurationError: A block is missing or wrong, or two accounts cannot be told apart.
        StoreError: A store is not there.
    """
    _log_to_stderr()
    installation = Installation(
        hook_accounts(credentials), _open(stores or [Settings().store]), open_provider, publish_and_resume
    )
    _check(installation)
    names = ", ".join(item.account.slug for item in installation.accounts)
    _LOG.info(
        "listening on http://%s:%d for %s; `tuneloop webhooks --print-urls` prints the addresses",
        host,
        port,
        names,
    )
    config = receiver_config(webhook_app(installation), host, port)
    # What the sensor says in its run's log has no run here.
    with disable_run_logger():
        uvicorn.Server(config).run()


def publish_and_resume(ledger: Ledger, store: str, tick: TickResult) -> None:
    """Tell of what was written down, and wake the runs that wait for it, as the sensor does."""
    for change in tick.changes:
        _LOG.info("%s is %s", change.record.name, change.record.state)
    emit_changes(tick.changes)
    if not tick.stories:
        return
    with get_client(sync_client=True) as client:
        woken = resume_runs(client, ledger, store, tick.stories, now())
    if woken.any:
        _LOG.info("%s: %d woken, %d continued, %d closed", store, woken.resumed, woken.continued, woken.closed)
    for problem in woken.problems:
        _LOG.warning("%s: %s", store, problem)


def _open(slugs: list[str]) -> dict[str, Store]:
    stores = {slug: drive_store(slug) for slug in slugs}
    for store in stores.values():
        # A store that is not there is noticed now, not when a provider calls.
        store.exists("hints/none")
    return stores


def _check(installation: Installation) -> None:
    """Refuse two blocks of one account: a call of one would be followed with the key of the other."""
    seen: dict[str, str] = {}
    for item in installation.accounts:
        other = seen.setdefault(item.account.slug, item.credentials)
        if other != item.credentials:
            raise ConfigurationError(
                f"{other} and {item.credentials} are both {item.account.slug}; name one of them with --credentials"
            )


class _Visible(logging.Formatter):
    """Shows what callers and providers have written, and lets a terminal obey none of it."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    logging.getLogger("uvicorn.error").addHandler(handler)

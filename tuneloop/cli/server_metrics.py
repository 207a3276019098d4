"""Metrics of a store and of what the Prefect server knows about it."""

from __future__ import annotations

from dataclasses import replace

from prefect.client.orchestration import get_client

from tuneloop.cli.status import ask_prefect
from tuneloop.cli.store_metrics import metrics_of
from tuneloop.cli.store_status import StoreStatus
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.metrics import StoreMetrics
from tuneloop.orchestration.blocks import all_credentials, drive_store, open_account
from tuneloop.orchestration.sensor_runs import last_tick
from tuneloop.orchestration.stores import shared_labels
from tuneloop.schemas.spending import SpendingLimits


def metrics_of_block(store: str) -> StoreMetrics:
    """What is known of the store behind a block. Raises as `drive_store`; no provider is asked."""
    ledger = Ledger(drive_store(store))
    status = StoreStatus(ledger, store)
    ask_prefect(status)
    status.note(shared_labels()[0])
    with get_client(sync_client=True) as client:
        tick = last_tick(client, store)
    return replace(metrics_of(ledger, status), limits=_limits(), last_tick=tick)


def _limits() -> dict[str, SpendingLimits]:
    """The limits of each account; of several blocks of one account, those of the first by name."""
    found: dict[str, SpendingLimits] = {}
    for slug in sorted(all_credentials()):
        try:
            provider, limits = open_account(slug)
        except ConfigurationError:
            continue  # `tuneloop status` says why
        found.setdefault(provider.account.slug, limits)
    return found

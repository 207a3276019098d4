"""Metrics of what a store itself knows; `tuneloop metrics --store ADDRESS` needs no Prefect."""

from __future__ import annotations

from pathlib import Path

import typer
from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile

from tuneloop.cli.store_address import store_at
from tuneloop.cli.store_status import StoreStatus
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.metrics import StoreMetrics
from tuneloop.operations.status import unreached_accounts
from tuneloop.registry.overview import spending_by_account


def metrics_at(address: str) -> StoreMetrics:
    """What the store at an address knows."""
    ledger = Ledger(store_at(address))
    return metrics_of(ledger, StoreStatus(ledger, address))


def metrics_of(ledger: Ledger, status: StoreStatus) -> StoreMetrics:
    """The figures of a status, and what the store's accounts have spent."""
    return StoreMetrics(
        store=status.store,
        trainings=status.trainings,
        problems=len(status.attention),
        duplicate_jobs=len(status.duplicates),
        unreached=unreached_accounts(ledger),
        spending={account.slug: spent for account, spent in spending_by_account(ledger)},
    )


def write_metrics(metrics: StoreMetrics, output: Path | None) -> None:
    """Write metrics to a file, whole or not at all; without one, to standard output."""
    registry = CollectorRegistry()
    registry.register(metrics)
    if output is None:
        typer.echo(generate_latest(registry).decode(), nl=False)
    else:
        write_to_textfile(str(output), registry)

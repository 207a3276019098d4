"""What an account has spent, and what it has that no record follows; or why that cannot be told."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tuneloop.cli.terminal import print_text, shown
from tuneloop.clock import now
from tuneloop.errors import TuneloopError
from tuneloop.ledger.accounts import check_origin
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import orphaned_jobs
from tuneloop.orchestration.blocks import open_account
from tuneloop.schemas.spending import Spending, SpendingLimits, dollars
from tuneloop.schemas.training import JobStatus


class _OfModel(NamedTuple):
    model: str
    trainings: int
    cents: int
    unpriced: int


class AccountStatus:
    """The account of a credentials block. The provider is asked, and only the store is read."""

    def __init__(self, ledger: Ledger, slug: str) -> None:
        self._slug = slug
        self._problem: str | None = None
        self._spending: tuple[Spending, SpendingLimits] | None = None
        self._untracked: list[JobStatus] = []
        try:
            provider, limits = open_account(slug)
            check_origin(ledger, provider.account, provider.base_url)
            self._spending = Budget(ledger, provider.account, limits).spending(now().date()), limits
            self._untracked = orphaned_jobs(ledger, provider)
        except TuneloopError as error:
            self._problem = str(error)

    @property
    def needs_attention(self) -> bool:
        return self._problem is not None or bool(self._untracked)

    def show(self, console: Console) -> None:
        if self._spending is not None:
            print_text(console, shown(_title(self._slug, *self._spending)))
            console.print(_table(_by_model(self._spending[0])))
        show_untracked(self._slug, self._untracked, console)
        if self._problem is not None:
            print_text(console, Text.assemble(shown(f"{self._slug}: ", "red"), shown(self._problem)))

    def document(self) -> dict[str, Any]:
        spent: dict[str, Any] = {}
        if self._spending is not None:
            spending, limits = self._spending
            spent = {
                "trainings_today": spending.trainings_today,
                "trainings_per_day": limits.trainings_per_day,
                "cents": spending.cents,
                "cents_per_window": limits.cents_per_window,
                "window": spending.window.isoformat(),
                "ends": spending.ends.isoformat(),
                "models": [each._asdict() for each in _by_model(spending)],
            }
        untracked = [
            {"job": job.name, "job_id": job.job_id, "provider_status": job.provider_status}
            for job in self._untracked
        ]
        return {"credentials": self._slug, "problem": self._problem, **spent, "untracked": untracked}


def _by_model(spending: Spending) -> list[_OfModel]:
    found = []
    for model in sorted({slot.model for slot in spending.live}):
        slots = [slot for slot in spending.live if slot.model == model]
        trainings = sum(slot.kind == "training" for slot in slots)
        unpriced = sum(slot.cents is None for slot in slots)
        found.append(_OfModel(model, trainings, sum(slot.cents or 0 for slot in slots), unpriced))
    return found


def _title(slug: str, spending: Spending, limits: SpendingLimits) -> str:
    day = "no limit" if limits.trainings_per_day is None else f"limit {limits.trainings_per_day}"
    limit = "no limit" if limits.cents_per_window is None else f"limit {dollars(limits.cents_per_window)}"
    return (
        f"{slug}: {spending.trainings_today} trainings today ({day}), {dollars(spending.cents)} ({limit}) "
        f"from {spending.window} to {spending.ends}"
    )


def _table(models: list[_OfModel]) -> Table:
    table = Table(Column("model", overflow="fold"), "trainings", "reserved")
    for each in models:
        money = dollars(each.cents)
        money += f" and {each.unpriced} without a known price" if each.unpriced else ""
        table.add_row(shown(each.model), str(each.trainings), money)
    return table


def show_untracked(slug: str, jobs: list[JobStatus], console: Console) -> None:
    """Print the jobs of an account that no record follows."""
    for job in jobs:
        line = (
            f"{slug} has {job.name} ({job.provider_status}), which is in no record. Import it with: tuneloop "
            f"adopt MODEL --credentials {slug} --job-id {job.job_id}"
        )
        print_text(console, Text.assemble(("Not tracked: ", "yellow"), shown(line)))

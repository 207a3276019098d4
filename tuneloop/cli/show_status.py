"""`tuneloop status`: what is open, what is held, what nobody follows, and what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from tuneloop.cli.show_stalled import Standing
from tuneloop.cli.terminal import shown
from tuneloop.clock import now
from tuneloop.errors import TuneloopError
from tuneloop.ledger.accounts import check_origin
from tuneloop.ledger.budget import Budget, Spending
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import (
    OpenTraining,
    duplicate_jobs,
    open_trainings,
    orphaned_jobs,
    spending_by_model,
)
from tuneloop.orchestration.account_labels import shared_labels
from tuneloop.orchestration.blocks import all_credentials, open_account, open_store, store_problem
from tuneloop.providers.base import Provider
from tuneloop.schemas.spending import SpendingLimits, dollars
from tuneloop.schemas.training import JobStatus

_COLORS = {"held": "yellow", "undecided": "yellow", "unreadable": "red", "given up": "red"}
"""States that a person has to look at."""


def show_status(store: str, credentials: list[str], console: Console) -> bool:
    """Print the status of a store and of the accounts that train into it.

    Args:
        store: Slug of the store's block.
        credentials: Slugs of the accounts' blocks; all of the server's where none is named.
        console: Where to print.

    Returns:
        Whether a person has something to look at.
    """
    problem = store_problem(store)
    if problem is not None:
        console.print(problem, style="red", markup=False)
        return True
    ledger = Ledger(open_store(store))
    stories = open_trainings(ledger)
    standing = Standing(ledger, store, stories)
    console.print(_in_flight(stories, standing.states) if stories else shown(f"Nothing is in flight in {store}."))
    for line in standing.attention:
        console.print(shown(line, "red"), soft_wrap=True)
    lost = [f"{item.name}: job {item.job_id} beside {item.followed}" for item in duplicate_jobs(ledger)]
    for line in lost:
        console.print(Text.assemble(("Paid twice: ", "red"), shown(line)))
    attention = bool(lost or standing.attention) or any(
        story.state in {"held", "undecided", "unreadable"} for story in stories
    )
    attention |= _show_shared_labels(console)
    for slug in credentials or all_credentials():
        try:
            provider, limits = open_account(slug)
            check_origin(ledger, provider.account, provider.base_url)
            console.print(_spending(slug, ledger, provider, limits))
            attention |= _show_unowned(slug, orphaned_jobs(ledger, provider), console)
        except TuneloopError as error:
            console.print(Text.assemble(shown(f"{slug}: ", "red"), shown(str(error))))
            attention = True
    return attention


def _show_shared_labels(console: Console) -> bool:
    labels = shared_labels()
    for line in labels.refused:
        console.print(line, style="red", markup=False)
    for line in labels.notes:
        console.print(line, markup=False)
    return bool(labels.refused)


def _in_flight(stories: list[OpenTraining], states: Mapping[str, str]) -> Group:
    # A block each: names, ids and a note side by side fit no terminal.
    return Group(Text("In flight", "bold"), *(_story(story, states[story.flow_run]) for story in stories))


def _story(story: OpenTraining, in_prefect: str) -> Group:
    state = shown(story.state, _COLORS.get(story.state, ""))
    lines = [
        Text.assemble("job ", shown(story.job), " of ", shown(story.account)),
        Text.assemble("run ", shown(story.flow_run), ", in Prefect: ", shown(in_prefect)),
    ]
    if story.note:
        lines.append(shown(story.note))
    return Group(
        Text.assemble(
            shown(story.model or "unknown model", "bold"), ": ", state, f" since {story.since:%Y-%m-%d %H:%M} UTC"
        ),
        *(Padding.indent(line, 2) for line in lines),
    )


def _spending(slug: str, ledger: Ledger, provider: Provider, limits: SpendingLimits) -> Group:
    spending = Budget(ledger, provider.account, limits).spending(now().date())
    table = Table(Column("model", overflow="fold"), "trainings", "reserved")
    for row in spending_by_model(spending):
        money = dollars(row.cents) + (f" and {row.unpriced} without a known price" if row.unpriced else "")
        table.add_row(shown(row.model), str(row.trainings), money)
    return Group(shown(_title(slug, spending, limits)), table)


def _title(slug: str, spending: Spending, limits: SpendingLimits) -> str:
    day = "no limit" if limits.trainings_per_day is None else f"limit {limits.trainings_per_day}"
    money = "no limit" if limits.cents_per_window is None else f"limit {dollars(limits.cents_per_window)}"
    return (
        f"{slug}: {spending.trainings_today} trainings today ({day}), {dollars(spending.cents)} ({money}) "
        f"from {spending.window} to {spending.ends}"
    )


def _show_unowned(slug: str, jobs: list[JobStatus], console: Console) -> bool:
    for job in jobs:
        told = (
            f"{slug} has {job.name} ({job.word}), which no record knows. Take it in with: tuneloop adopt MODEL "
            f"--credentials {slug} --job-id {job.job_id}"
        )
        console.print(Text.assemble(("Followed by nobody: ", "yellow"), shown(told)))
    return bool(jobs)


def status_document(store: str) -> dict[str, Any]:
    """What is open in a store, for programs."""
    problem = store_problem(store)
    if problem is not None:
        return {"store": store, "problem": problem, "open": [], "doubles": []}
    ledger = Ledger(open_store(store))
    stories = open_trainings(ledger)
    standing = Standing(ledger, store, stories)
    return {
        "store": store,
        "problem": None,
        "attention": standing.attention,
        "open": [
            {**story.model_dump(mode="json"), "prefect": standing.states[story.flow_run]} for story in stories
        ],
        "doubles": [
            item.model_dump(mode="json", exclude={"writer_id", "schema_number"}) for item in duplicate_jobs(ledger)
        ],
    }

"""`tuneloop status --store ADDRESS`: what a store knows by itself, without Prefect and the accounts' keys."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tuneloop.cli.store_address import store_at
from tuneloop.cli.terminal import shown
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import OpenTraining, duplicate_jobs, lost_weights, open_trainings, troubles

_ASKS = {"held", "undecided", "unreadable"}


def show_store(address: str, json_file: Path | None) -> bool:
    """Print what is open, what was paid twice, and what else a person has to look at.

    Args:
        address: Address of the store.
        json_file: Where to write the same for programs, None for nowhere.

    Returns:
        Whether a person has something to look at.
    """
    ledger, console = Ledger(store_at(address)), Console()
    stories, paid_twice = open_trainings(ledger), duplicate_jobs(ledger)
    attention = [*troubles(ledger), *lost_weights(ledger)]
    console.print(_table(stories) if stories else shown(f"Nothing is in flight in {address}."))
    for item in paid_twice:
        console.print(shown(f"Paid twice: {item.name}: job {item.job_id} beside {item.followed}", "red"))
    for line in attention:
        console.print(shown(line, "red"), soft_wrap=True)
    console.print("Spending, and jobs that nobody follows, need a Prefect server and its blocks: not looked at.")
    if json_file is not None:
        document = {
            "store": address,
            "attention": attention,
            "open": [story.model_dump(mode="json") for story in stories],
            "doubles": [
                item.model_dump(mode="json", exclude={"writer_id", "schema_number"}) for item in paid_twice
            ],
        }
        json_file.write_text(json.dumps(document, indent=1) + "\n")
    return bool(paid_twice or attention) or any(story.state in _ASKS for story in stories)


def _table(stories: list[OpenTraining]) -> Table:
    table = Table("model", "job", "account", "state", "since (UTC)", "run", "note", title="In flight")
    for item in stories:
        since = f"{item.since:%Y-%m-%d %H:%M}"
        cells = (item.model, item.job, item.account, item.state, since, item.flow_run, item.note)
        table.add_row(*(shown(cell) for cell in cells))
    return table

"""What a store itself knows of open trainings; `tuneloop status --store ADDRESS` needs no Prefect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from tuneloop.cli.store_address import store_at
from tuneloop.cli.terminal import console_for, print_json, print_text, shown
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.status import OpenTraining, duplicate_jobs, lost_weights, open_trainings, store_problems

_COLORS = {"held": "yellow", "undecided": "yellow", "unreadable": "red", "given up": "red"}
_AWAIT_REVIEW = {"held", "undecided", "unreadable"}


class StoreStatus:
    """The open trainings of a store, and what needs attention. Its ledger is only read."""

    def __init__(self, ledger: Ledger, store: str) -> None:
        self.store = store
        self.trainings = open_trainings(ledger)
        self.duplicates = duplicate_jobs(ledger)
        self.attention = [*store_problems(ledger), *lost_weights(ledger)]
        self.prefect_states: Mapping[str, str] = {}
        """The state of each run, by its id; empty where Prefect was not asked."""

    @property
    def needs_attention(self) -> bool:
        waiting = any(training.state in _AWAIT_REVIEW for training in self.trainings)
        return waiting or bool(self.duplicates or self.attention)

    def note(self, problems: Iterable[str]) -> None:
        """Put problems before those of the store, each once."""
        self.attention = list(dict.fromkeys([*problems, *self.attention]))

    def show(self, console: Console) -> None:
        if self.trainings:
            show_in_flight(console, self.trainings, self.prefect_states)
        else:
            print_text(console, shown(f"Nothing is in flight in {self.store}."))
        for line in self.attention:
            print_text(console, shown(line, "red"))
        for item in self.duplicates:
            line = f"{item.name}: job {item.job_id} beside {item.followed}"
            print_text(console, Text.assemble(("Paid twice: ", "red"), shown(line)))

    def document(self) -> dict[str, Any]:
        states = self.prefect_states
        return {
            "store": self.store,
            "attention": self.attention,
            "open": [
                item.model_dump(mode="json") | ({"prefect": states[item.flow_run]} if states else {})
                for item in self.trainings
            ],
            "duplicate_jobs": [
                item.model_dump(mode="json", exclude={"writer_id", "schema_number"}) for item in self.duplicates
            ],
        }


def show_store(address: str, *, as_json: bool) -> bool:
    """Print the status of the store at an address. Returns whether something needs attention."""
    status, console = StoreStatus(Ledger(store_at(address)), address), console_for(as_json=as_json)
    status.show(console)
    print_text(console, Text("Spending and untracked jobs need a Prefect server and its blocks: not checked."))
    if as_json:
        print_json(status.document())
    return status.needs_attention


def show_in_flight(console: Console, trainings: list[OpenTraining], prefect_states: Mapping[str, str]) -> None:
    """Print open trainings, a block each: names, ids and a note side by side fit no terminal."""
    print_text(console, Text("In flight", "bold"))
    for training in trainings:
        state = prefect_states.get(training.flow_run)
        in_prefect = "" if state is None else f", in Prefect: {state}"
        name = shown(training.model or "unknown model", "bold")
        color = _COLORS.get(training.state, "")
        since = f" since {training.since:%Y-%m-%d %H:%M} UTC"
        print_text(console, Text.assemble(name, ": ", shown(training.state, color), since))
        print_text(console, shown(f"  job {training.job} of {training.account}"))
        print_text(console, shown(f"  run {training.flow_run}{in_prefect}"))
        if training.note:
            print_text(console, shown(f"  {training.note}"))

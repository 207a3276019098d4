"""`tuneloop models`: every model with its champion, or the champion history of one."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuneloop.cli.terminal import print_text, shown
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.models import ModelSummary, champion_history, summaries
from tuneloop.registry.review import pending_reviews
from tuneloop.schemas.records import Decision, Promotion, RunRecord
from tuneloop.schemas.training import job_name
from tuneloop.storage.page_link import page_link

_SHORT = 12
_NAME_WIDTH = 20


def show_models(ledger: Ledger, model: str | None, console: Console) -> tuple[Any, bool]:
    """Print every model of a store, or the champions of one, newest first.

    Returns:
        The same for programs, and whether everything could be read and all weights are there.

    Raises:
        ConfigurationError: There is no such model.
    """
    store = ledger.store.uri
    if model is not None:
        history = champion_history(ledger, model)[::-1]
        show_history(console, model, history)
        for run, pending in pending_reviews(ledger, model):
            print_text(console, shown(_pending(ledger, run, pending)))
        return {
            "store": store,
            "model": model,
            "champions": [
                item.model_dump(mode="json", exclude={"writer_id", "schema_number"}) for item in history
            ],
        }, True
    found = summaries(ledger)
    console.print(overview(found) if found else shown(f"There are no models in {store}."))
    document = {"store": store, "models": [item.model_dump(mode="json") for item in found]}
    return document, all(item.readable and not item.weights_problem for item in found)


def overview(found: list[ModelSummary]) -> Table:
    """Every model with its champion."""
    table = Table("model", "no.", "since (UTC)", "champion", title="Models", show_lines=True)
    model, number, since, champion = table.columns
    model.overflow = champion.overflow = "fold"
    model.max_width = _NAME_WIDTH
    number.no_wrap = since.no_wrap = True
    for item in found:
        table.add_row(
            shown(item.model),
            str(item.number or ""),
            f"{item.since:%Y-%m-%d %H:%M}" if item.since else "",
            shown("\n".join(_summary_lines(item)), "red" if item.weights_problem or not item.readable else ""),
        )
    return table


def _weights(sha256: str | None) -> str:
    return sha256[:_SHORT] if sha256 else "at the provider"


def _summary_lines(item: ModelSummary) -> list[str]:
    back = f"rolled back to v{item.rolled_back_to}: " if item.rolled_back_to else ""
    lines = [back + item.reason]
    if item.dataset_digest is not None:
        lines.append(f"dataset {item.dataset_digest[:_SHORT]}")
        lines.append(f"weights {_weights(item.sha256)}")
    if item.weights_problem:
        lines.append(f"{item.weights_problem}; the next run of the model tries to fetch them again")
    if item.readable:
        lines.append(f"versions evaluated: {item.versions_evaluated}")
    return lines


def _pending(ledger: Ledger, run: RunRecord, pending: Decision) -> str:
    job = job_name(run.key, run.attempt)
    report = f" Report: {page_link(ledger.store, pending.report).text}" if pending.report else ""
    decide = f"Decide with `tuneloop review {run.model}`."
    return f"Undecided: {job} (run {run.flow_run}). {pending.reason} {decide}{report}"


def show_history(console: Console, model: str, history: list[Promotion]) -> None:
    """Print the champions of a model, a block each: names of files fit no table."""
    print_text(console, shown(f"Champions of {model}", "bold"))
    for item in history:
        print_text(
            console, Text.assemble((f"v{item.number}", "bold"), f" since {item.created_at:%Y-%m-%d %H:%M} UTC")
        )
        print_text(console, shown("\n".join(f"  {line}" for line in _champion_lines(item))))


def _champion_lines(item: Promotion) -> list[str]:
    return [
        *([] if item.rolled_back_to is None else [f"rolled back to v{item.rolled_back_to}"]),
        f"reason: {item.reason}",
        f"decided by: {item.decided_by}",
        f"job: {job_name(item.key, item.attempt)} ({item.account.slug}, id {item.job_id})",
        f"dataset: {item.dataset_digest[:_SHORT]}, weights: {_weights(item.sha256)}",
        f"report: {item.report or 'named in the decision'}",
        f"decision: {item.decision}",
    ]

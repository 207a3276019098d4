"""`tuneloop pull`: a champion's weights in a file."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from tuneloop.registry.download import pull_weights, target_of
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.shown_text import visible
from tuneloop.storage.base import Store


def pull_model(store: Store, promotion: Promotion, to: Path | None, console: Console, *, overwrite: bool) -> str:
    """Stream weights into a file, with a progress bar.

    Args:
        store: The store that has them.
        promotion: Whose weights.
        to: File or folder; without it the current folder.
        console: Where the bar is shown.
        overwrite: Replace another file of this name.

    Returns:
        What was done, in a sentence.
    """
    target = target_of(promotion, to)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(visible(target.name), total=None)
        made = pull_weights(
            store,
            promotion,
            target,
            overwrite=overwrite,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    what = "written" if made else "there already, and left alone"
    return f"{target}: {promotion.model} no. {promotion.number}, {what} (sha256 {promotion.sha256})"

"""What commands make of a champion: a file with its weights, or one image."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from tuneloop.cli.terminal import print_text, progress_bar, shown
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.base import Provider
from tuneloop.registry.download import pull_weights, target_of
from tuneloop.registry.generate import ImageRequest, generate_image, image_request
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.shown_text import visible
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.base import Store
from tuneloop.storage.stored_file import StoredFile

_SEEDS = 1 << 31


class Pulled(NamedTuple):
    """Weights in a file."""

    promotion: Promotion
    file: Path
    written: bool
    """False where the file was there already, with these very bytes."""

    @property
    def summary(self) -> str:
        """What was done, in a sentence."""
        what = "written" if self.written else "already there, and unchanged"
        promotion = self.promotion
        return f"{self.file}: {promotion.model} v{promotion.number}, {what} (sha256 {promotion.sha256})"

    def document(self) -> dict[str, Any]:
        promotion = self.promotion
        return {
            "model": promotion.model,
            "version": promotion.number,
            "file": str(self.file),
            "sha256": promotion.sha256,
            "written": self.written,
        }


def pull_model(
    store: Store, promotion: Promotion, output: Path | None, console: Console, *, overwrite: bool
) -> Pulled:
    """Stream weights into a file, with a progress bar."""
    target = target_of(promotion, output)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with progress_bar(TextColumn("{task.description}", markup=False), *columns, console=console) as progress:
        bar = progress.add_task(visible(target.name), total=None)
        made = pull_weights(
            store,
            promotion,
            target,
            overwrite=overwrite,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    return Pulled(promotion, target, made)


def generate_by_champion(
    ledger: Ledger,
    promotion: Promotion,
    prompt: str,
    seed: int | None,
    output: Path | None,
    image: Path | None,
    account_for: Callable[[str], tuple[Provider, SpendingLimits]],
    console: Console,
) -> tuple[ImageRequest, Path]:
    """Say what will be requested and that it is billed, and request it once. Returns that, and the image's file.

    `account_for` opens an account, with what it may spend, by its credentials' slug.

    Raises:
        ConfigurationError: The credentials are of another account by now, or the price is not known and limited.
        BudgetExceeded: The account has spent what it may. Nothing was requested.
    """
    chosen = secrets.randbelow(_SEEDS) if seed is None else seed
    request = image_request(promotion, prompt, seed=chosen, out=output, image=image)
    provider, limits = account_for(promotion.credentials)
    if provider.account != promotion.account:
        raise ConfigurationError(
            f"{promotion.model} v{promotion.number} is at {promotion.account.slug}, and its credentials "
            f"{promotion.credentials} are for {provider.account.slug} now; put a key and the label of that "
            "account back into them"
        )
    budget = Budget(ledger, provider.account, limits)
    budget.require_image_price(request.settings)
    print_text(console, shown(request.summary(limits.price_of_image(request.settings))))
    weights = StoredFile(ledger.store, promotion.weights) if promotion.weights else None
    try:
        file = generate_image(
            request, provider, lambda: budget.reserve_images(request.purpose, 1, request.settings), weights
        )
    except KeyboardInterrupt:
        console.print("Stopped. The image may still be rendered and billed; it is not requested again.")
        raise
    return request, file

"""`tuneloop generate`: one image by a champion."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tuneloop.cli.terminal import shown
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.image_budget import ImageBudget
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.base import Provider
from tuneloop.registry.generate import generate_image, image_order
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.spending import SpendingLimits

_SEEDS = 1 << 31


def generate_by_champion(
    ledger: Ledger,
    promotion: Promotion,
    prompt: str,
    seed: int | None,
    out: Path | None,
    image: Path | None,
    account_for: Callable[[str], tuple[Provider, SpendingLimits]],
    console: Console,
) -> Path:
    """Tell what will be asked and that it is billed, ask once, and keep the image.

    Args:
        ledger: Where the price is counted.
        promotion: Which model renders.
        prompt: What to render.
        seed: The seed; one at random without it.
        out: The file to make, or a folder.
        image: The image to edit, for models that edit.
        account_for: Opens an account, with what it may spend, by its credentials' slug.
        console: Where to tell.

    Returns:
        The file.

    Raises:
        ConfigurationError: The credentials are of another account by now, or the price is not known and limited.
        BudgetExceeded: The account has spent what it may. Nothing was asked for.
    """
    chosen = secrets.randbelow(_SEEDS) if seed is None else seed
    order = image_order(promotion, prompt, seed=chosen, out=out, image=image)
    provider, limits = account_for(promotion.credentials)
    if provider.account != promotion.account:
        raise ConfigurationError(
            f"{promotion.model} no. {promotion.number} is at {promotion.account.slug}, and its credentials "
            f"{promotion.credentials} are of {provider.account.slug} now; give them a key and the label of that "
            "account again"
        )
    budget = ImageBudget(ledger, provider.account, limits)
    budget.require_image_price(order.settings)
    console.print(shown(order.in_words(limits.price_of_image(order.settings))), soft_wrap=True)
    try:
        return generate_image(order, provider, lambda: budget.reserve_images(order.purpose, 1, order.settings))
    except KeyboardInterrupt:
        console.print("Stopped. The image may be rendered and billed all the same; it is not asked for again.")
        raise

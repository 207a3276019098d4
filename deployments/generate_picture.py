"""`tuneloop generate`: one picture by a champion."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from deployments.terminal import shown
from tuneloop.picture_order import carry_out, picture_order
from tuneloop.providers.provider import Provider
from tuneloop.values.records import Promotion

_SEEDS = 1 << 31


def generate_picture(
    promotion: Promotion,
    prompt: str,
    seed: int | None,
    out: Path | None,
    image: Path | None,
    provider_for: Callable[[str], Provider],
    console: Console,
) -> Path:
    """Tell what will be asked and that it is billed, ask once, and keep the picture.

    Args:
        promotion: Which model renders.
        prompt: What to render.
        seed: The seed; one at random without it.
        out: The file to make, or a folder.
        image: The picture to edit, for models that edit.
        provider_for: Opens an account by its credentials' slug.
        console: Where to tell.

    Returns:
        The file.
    """
    chosen = secrets.randbelow(_SEEDS) if seed is None else seed
    order = picture_order(promotion, prompt, seed=chosen, out=out, image=image)
    provider = provider_for(promotion.credentials)
    console.print(shown(order.in_words), soft_wrap=True)
    try:
        return carry_out(order, provider)
    except KeyboardInterrupt:
        console.print("Stopped. The picture may be rendered and billed all the same; it is not asked for again.")
        raise

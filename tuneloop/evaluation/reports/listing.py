"""Which pages a store has, by their names alone."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from tuneloop.evaluation.reports.template import LATEST
from tuneloop.schemas.training import is_slug
from tuneloop.storage.base import Store

COMPARISON_PAGES = "pages/comparisons/"
"""Where the pages of comparisons lie within the store, each name's in a folder of its own."""
_PARENTS = 3
"""Of a page: `models/<model>/<kind>/`."""


class ModelPages(NamedTuple):
    """The pages of one model, by their names within the store."""

    model: str
    champions: str | None
    """The page of its champions; None without one."""
    reports: tuple[tuple[str, datetime], ...]
    """Each with the store's time (UTC) of its writing, newest first."""


def list_pages(store: Store, model: str | None = None) -> list[ModelPages]:
    """The pages of every model, by its name; or those of one."""
    found: dict[str, dict[str, list[tuple[str, datetime]]]] = defaultdict(lambda: defaultdict(list))
    for name, written in store.written(f"models/{model}/" if model else "models/"):
        parts = name.split("/")
        # Anybody may have put something else there.
        if name.endswith(".html") and len(parts) > _PARENTS and is_slug(parts[1]):
            found[parts[1]][parts[2]].append((name, written))
    return [_pages(each, kinds) for each, kinds in sorted(found.items())]


def list_comparisons(store: Store) -> list[tuple[str, str]]:
    """Every comparison by its name, with the name of its newest page within the store."""
    found = (name.split("/") for name in store.names(COMPARISON_PAGES) if name.endswith(f"/{LATEST}"))
    return [(parts[-2], "/".join(parts)) for parts in found]


def _pages(model: str, kinds: dict[str, list[tuple[str, datetime]]]) -> ModelPages:
    reports = sorted((item for item in kinds["reports"] if not item[0].endswith(LATEST)), key=lambda item: item[1])
    # The stable name sorts last.
    champions = max((name for name, _ in kinds["pages"]), default=None)
    return ModelPages(model, champions, tuple(reversed(reports)))

"""Where a page's links lead: to the store it lies in, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.storage.base import Store

_UP = "../../../"
"""From `models/<model>/reports/` or `models/<model>/pages/` to the top of the store."""


@dataclass(frozen=True)
class StoreLink:
    """Something in the store, as a page names it.

    Attributes:
        uri: Its full address, to read and to copy.
        href: A link that works wherever a local store is put; None for a store that a browser cannot read.
    """

    uri: str
    href: str | None


def stored(store: Store, name: str) -> StoreLink:
    """Name something in the store. Never a signed address: a page is handed on."""
    return StoreLink(store.uri_of(name), _UP + name if store.uri.startswith("file:") else None)

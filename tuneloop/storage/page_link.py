"""The address at which a person opens a page of the store."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from tuneloop.clock import now
from tuneloop.settings import Settings
from tuneloop.storage.base import Store

_LIFETIME = timedelta(days=7)
"""The longest that a signature of version 4 allows. Source: Amazon S3, sharing objects with presigned URLs."""
RENEWED_AFTER = _LIFETIME - timedelta(days=1)
"""How long a page may show a link that is signed."""
SIGNED = "X-Amz-Signature="
"""What a signed link holds."""


class PageLink(NamedTuple):
    """Where a page can be opened. Never kept in the store: on S3 it is signed, and opens the page for anybody."""

    address: str
    """`https://…` or `http://…`; `file:///…` where nothing serves the page."""
    note: str
    """For how long it works, or what would make a link of it; may be empty."""

    @property
    def text(self) -> str:
        """The address, and what is to be said of it."""
        return f"{self.address} ({self.note})" if self.note else self.address

    def to_markdown(self, words: str) -> str:
        """The words as a link, or followed by the address where that is none."""
        opens = self.address.startswith("http")
        shown = f"[{words}]({self.address})" if opens else f"{words}: `{self.address}`"
        return f"{shown} ({self.note})" if self.note else shown


def page_link(store: Store, name: str) -> PageLink:
    """Link to a page of the store, by its name within the store. On S3 each call signs a new one.

    Raises `StoreError` or `StoreUnavailable` where the store's keys cannot be had.
    """
    signed = store.presigned_url(name, _LIFETIME)
    if signed is not None:
        until = f"anybody who has this link can open it until {now() + _LIFETIME:%Y-%m-%d %H:%M} UTC"
        # A link signed with temporary keys ends with them.
        temporary = "X-Amz-Security-Token=" in signed
        return PageLink(signed, f"{until}, or until the store's temporary keys expire" if temporary else until)
    server = Settings().reports_url
    if server is not None:
        return PageLink(f"{str(server).rstrip('/')}/{name}", "")
    return PageLink(store.uri_of(name), "for a link, run `tuneloop reports --serve`")

"""The peer: a flow of the same project that does nothing."""

from __future__ import annotations

from prefect import flow


@flow(name="do-nothing")
def do_nothing() -> None:
    """End at once."""

"""Weights that are in the store: are they what was recorded, and are they there at all?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tuneloop.errors import InvalidWeights
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Collected, Promotion
from tuneloop.storage.base import Store
from tuneloop.storage.safetensors_stream import promised_size


def weights_problem(ledger: Ledger, promotion: Promotion) -> str | None:
    """Say what is wrong with a promoted model's weights, None where nothing can be seen without reading them all.

    One request for their size; what it should be is told by the promotion, or else by the training's records.
    Weights that stay at the provider have no problem here.
    """
    if promotion.weights is None:
        return None
    where = ledger.store.uri_of(promotion.weights)
    size_bytes = ledger.store.size(promotion.weights)
    if size_bytes is None:
        return f"its weights {where} are gone"
    recorded = promotion.size_bytes
    if recorded is None:
        recorded = _recorded_size(ledger, promotion)
    if recorded is not None and size_bytes != recorded:
        return f"its weights {where} have {size_bytes:,} bytes, and {recorded:,} were collected"
    return None


def _recorded_size(ledger: Ledger, promotion: Promotion) -> int | None:
    for record in ledger.history(promotion.key):
        if isinstance(record, Collected) and record.attempt == promotion.attempt:
            return record.size_bytes
    return None


def is_whole(store: Store, name: str) -> bool:
    """Tell by its header and size whether a stored file is one whole safetensors file."""
    size_bytes = store.size(name)
    if size_bytes is None:
        return False

    with store.open(name) as stream:
        data = b""

        @contextmanager
        def read(start: int, stop: int) -> Iterator[Iterator[bytes]]:
            nonlocal data
            while len(data) < stop and (more := stream.read(stop - len(data))):
                data += more
            yield iter([data[start:stop]])

        try:
            promised_size(name, size_bytes, read)
        except InvalidWeights:
            return False
    return True

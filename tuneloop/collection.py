"""Brings paid weights home: from the provider's stream into the store, checked, and only then recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

from tuneloop.clock import now
from tuneloop.errors import LedgerError, RecordTaken, StoreError, WeightsUnreadable
from tuneloop.ledger import Ledger
from tuneloop.providers.provider import Provider, SourceChanged
from tuneloop.storage.safetensors_stream import SafetensorsCheck
from tuneloop.storage.store import Store, StoredObject
from tuneloop.storage.transfer import RangedSource, transfer
from tuneloop.training_state import read_training
from tuneloop.values.records import Collected, Trained

_CHANGES = 2
"""How often a download begins anew because the provider's file has changed, before it is read in one go."""
_SWEPT_AFTER = timedelta(days=7)
"""How long unfinished uploads and drafts are kept for whoever may go on with them."""
Progress = Callable[[int, int | None], None]


def collect_weights(
    ledger: Ledger, provider: Provider, key: str, generation: int, on_progress: Progress | None = None
) -> Collected:
    """Stream a trained job's weights into the store and write the `collected` record last.

    A download that was cut or killed goes on where it stopped, in this process or another one. Where the provider
    hands out no weights, the trained model is its id there, and only that is recorded.

    Args:
        ledger: The ledger.
        provider: The account that trained.
        key: Training key.
        generation: Which attempt.
        on_progress: Called with bytes so far and bytes in all (None where the provider does not say); after a
            resumption it starts at the bytes that are already there.

    Raises:
        WeightsUnreadable: What arrived is not one whole safetensors file; nothing is kept of it.
    """
    training = read_training(ledger, key, generation)
    if isinstance(training.last, Collected):
        return training.last
    if not isinstance(training.last, Trained):
        state = training.last.state if training.last else "not claimed"
        raise LedgerError(f"{training.name} is {state}: its weights cannot be collected")
    stored = None
    if provider.capabilities.weights:
        stored = _bring_home(ledger.store, provider, training.last, on_progress)
    record = Collected(
        at=now(),
        generation=generation,
        name=training.name,
        job_id=training.last.job_id,
        weights=stored.name if stored else None,
        sha256=stored.sha256 if stored else None,
        size_bytes=stored.size_bytes if stored else None,
    )
    try:
        ledger.append(key, training.last, record)
    except RecordTaken:
        latest = read_training(ledger, key, generation).last
        if not isinstance(latest, Collected):
            raise
        return latest
    # Weights are home: what cannot be tidied up now is tidied up after the next ones.
    with suppress(StoreError):
        ledger.store.sweep("weights/", _SWEPT_AFTER)
    return record


def _bring_home(store: Store, provider: Provider, trained: Trained, on_progress: Progress | None) -> StoredObject:
    folder = f"weights/{trained.name}/"
    # Before the provider is asked: it need not have them any more.
    for name in store.names(folder):
        return store.describe(name)
    source = provider.weights(trained.job_id)
    for _ in range(_CHANGES):
        if source.size_bytes is None or source.etag is None:
            break
        ranged = RangedSource(source.size_bytes, source.etag, source.read)
        try:
            return transfer(store, folder + source.file_name, ranged, trained.name, on_progress)
        except SourceChanged:
            source = provider.weights(trained.job_id)
    # There are no ranges, or none of the same file twice: all of it in one go.
    with source.read(0, None) as chunks:
        counted = _counted(chunks, source.size_bytes, on_progress)
        checked = SafetensorsCheck(trained.name).chunks(counted)
        return store.write_stream(folder + source.file_name, checked)


def _counted(chunks: Iterator[bytes], size_bytes: int | None, on_progress: Progress | None) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        if on_progress is not None:
            on_progress(done, size_bytes)
        yield chunk
    if size_bytes is not None and done != size_bytes:
        raise WeightsUnreadable(f"{done} of {size_bytes} bytes arrived; run again, the weights are still there")

"""Stream trained weights into the store, validate them, then record them.

Paid weights that cannot be fetched are tried at growing pauses; then a manual decision is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.errors import InvalidWeights, LedgerError, ProviderUnavailable, RecordConflict, StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider, SourceChanged
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.records import Collected, Held, Promotion, Submitted, Trained
from tuneloop.schemas.training import Submission
from tuneloop.storage.base import Store, StoredObject
from tuneloop.storage.safetensors import check_file
from tuneloop.storage.transfer import transfer
from tuneloop.storage.upload import Digest

_MAX_CHANGES = 2
"""How often a download begins anew because the provider's file has changed, before it is read in one go."""
_MAX_NAMES = 9
"""How many names of a job's weights may be taken by something else before that is an error."""
_SWEPT_AFTER = timedelta(days=7)
"""How long unfinished uploads and drafts are kept for whoever may go on with them."""
LOST_AFTER = timedelta(days=3)
"""How long a job or its weights may be out of reach before a decision is requested."""
_PAUSES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4), timedelta(days=1))
_MIN_TRIES = 3
Progress = Callable[[int, int | None], None]
"""Called with bytes so far and bytes in all (None where the provider does not say)."""


def collect_weights(provider: Provider, training: TrainingLog, on_progress: Progress | None = None) -> Collected:
    """Stream a trained job's weights into the store and write the `collected` record last.

    A download that was cut or killed goes on where it stopped, in this process or another one; `on_progress` then
    starts at the bytes that are there. Where a provider hands out no weights, only the model's id is recorded.

    Raises:
        InvalidWeights: What arrived is not one whole safetensors file; nothing is kept of it.
    """
    if isinstance(training.last, Collected):
        return training.last
    if not isinstance(training.last, Trained):
        state = training.last.state if training.last else "not claimed"
        raise LedgerError(f"{training.name} is {state}: its weights cannot be collected")
    job, stored = training.submission(training.last.job_id), None
    if provider.capabilities.weights:
        # By the attempt's name: the job's own may be the one of another attempt, which has weights too.
        trained = training.last.model_copy(update={"name": training.name})
        stored = _download(training.ledger.store, provider, trained, job, on_progress)
    record = Collected(
        **training.header(),
        job_id=job.job_id,
        weights=stored.name if stored else None,
        sha256=stored.sha256 if stored else None,
        size_bytes=stored.size_bytes if stored else None,
        handle=job.handle,
    )
    try:
        training.append(record)
    except RecordConflict:
        latest = training.reread().last
        if not isinstance(latest, Collected):
            raise
        return latest
    # The weights are stored: what cannot be swept now is swept after the next ones.
    with suppress(StoreError):
        training.ledger.store.sweep("weights/", _SWEPT_AFTER)
    return record


def _download(
    store: Store, provider: Provider, trained: Trained, job: Submission, on_progress: Progress | None
) -> StoredObject:
    """Find the weights under the first of their names that holds a whole file, or download them there.

    Whatever else lies in the folder, or under one of those names, is left alone and counts for nothing.
    """
    for number in range(1, _MAX_NAMES + 1):
        name = f"weights/{trained.name}/lora{'' if number == 1 else f'-{number}'}.safetensors"
        # Before the provider is called: it need not have them any more.
        if not store.seems_absent(name):
            if is_whole(store, name):
                return store.describe(name)
            continue
        stored = _fetched(store, provider, trained, job, name, on_progress)
        if not stored.found or is_whole(store, name):  # else something else took the name first
            return stored
    raise InvalidWeights(
        f"{store.uri_of(f'weights/{trained.name}/')} has {_MAX_NAMES} files with names of these weights, and none "
        "is a complete safetensors file; see what writes there, move them away and run again"
    )


def _fetched(
    store: Store, provider: Provider, trained: Trained, job: Submission, name: str, on_progress: Progress | None
) -> StoredObject:
    def source() -> RangedSource:
        return _with_progress(provider.open_weights(job)[-1], on_progress)

    for _ in range(_MAX_CHANGES):
        with suppress(SourceChanged):
            return transfer(store, name, source(), trained.name)
    # It is not the same file twice: all of it in one go.
    return transfer(store, name, replace(source(), etag=None), trained.name)


def restore_weights(
    store: Store, provider: Provider, promotion: Promotion, on_progress: Progress | None = None
) -> None:
    """Fetch a promoted model's weights once more, which costs nothing, after they were lost.

    They get the name that their records give them: nothing has it any more. They are the same bytes, or none.

    Raises:
        InvalidWeights: The provider hands out other bytes, or something else has their name.
        ProviderError: The provider has them no more, or does not answer.
    """
    if promotion.weights is None or store.exists(promotion.weights):
        raise InvalidWeights(
            f"{store.uri_of(promotion.weights or '')} exists already, and nothing in a store is overwritten: "
            "move it away, and run again to fetch the weights once more, or restore it from a backup or an older "
            "object version"
        )
    source = _with_progress(provider.open_weights(Submission.of(promotion))[-1], on_progress)
    with source.read(0, None) as chunks:
        store.write_stream(promotion.weights, _the_same(chunks, promotion))


def _the_same(chunks: Iterator[bytes], promotion: Promotion) -> Iterator[bytes]:
    """Pass a stream on. Raises `InvalidWeights` at its end if it is not what was collected."""
    digest = Digest()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if promotion.size_bytes is not None and digest.size_bytes < promotion.size_bytes:
        raise ProviderUnavailable(
            f"{digest.size_bytes} of {promotion.size_bytes} bytes of job {promotion.job_id} arrived; run again"
        )
    if digest.sha256 != promotion.sha256:
        raise InvalidWeights(
            f"the provider returns other weights for job {promotion.job_id} than were collected: sha256 "
            f"{digest.sha256} and not {promotion.sha256}. Nothing was stored"
        )


def _with_progress(source: RangedSource, on_progress: Progress | None) -> RangedSource:
    """The same source, reporting the furthest byte that was read of it."""
    if on_progress is None:
        return source
    furthest = 0

    def report(position: int) -> None:
        nonlocal furthest
        if position >= furthest:
            furthest = position
            on_progress(position, source.size_bytes)

    @contextmanager
    def read(start: int, stop: int | None) -> Iterator[Iterator[bytes]]:
        with source.read(start, stop) as chunks:
            report(start)
            yield counted(chunks, start)

    def counted(chunks: Iterator[bytes], position: int) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            position += len(chunk)
            report(position)

    return replace(source, read=read)


def weights_problem(ledger: Ledger, promotion: Promotion) -> str | None:
    """Say what is wrong with a promoted model's weights, None where their size in the store is as recorded.

    Weights that stay at the provider have no problem here.
    """
    if promotion.weights is None:
        return None
    where = ledger.store.uri_of(promotion.weights)
    size_bytes = ledger.store.size(promotion.weights)
    if size_bytes is None:
        return f"its weights {where} are gone"
    recorded = promotion.size_bytes
    if recorded is None:  # in records of before it was named there
        own = (record for record in ledger.history(promotion.key) if record.attempt == promotion.attempt)
        recorded = next((record.size_bytes for record in own if isinstance(record, Collected)), None)
    if recorded is not None and size_bytes != recorded:
        return f"its weights {where} have {size_bytes:,} bytes, and {recorded:,} were collected"
    return None


def is_whole(store: Store, name: str) -> bool:
    """Return True if a stored file is one whole safetensors file, by its header and size."""
    size_bytes = store.size(name)
    if size_bytes is None:
        return False
    with store.open(name) as stream:
        try:
            check_file(name, size_bytes, stream.read)
        except InvalidWeights:
            return False
    return True


def note_failed_try(ledger: Ledger, trained: Trained) -> None:
    """Remember that the weights could not be fetched; the store's clock tells when."""
    folder = _folder(trained)
    ledger.store.create(f"{folder}{len(list(ledger.store.names(folder))) + 1}", b"")


def next_try(ledger: Ledger, trained: Trained) -> datetime:
    """When the weights are to be fetched; a moment that has passed means now."""
    tries = _tries(ledger, trained)
    return tries[-1] + _PAUSES[min(len(tries), len(_PAUSES)) - 1] if tries else trained.created_at


def hold_if_lost(training: TrainingLog, reason: str) -> Held | None:
    """Hold a training whose job or weights could not be had for days; None where it is too early.

    Raises:
        RecordConflict: The training has moved on.
    """
    last = training.last
    if not isinstance(last, Submitted | Trained) or now() - last.created_at < LOST_AFTER:
        return None
    # A sensor that was off for days has not tried for days.
    if isinstance(last, Trained) and len(_tries(training.ledger, last)) < _MIN_TRIES:
        return None
    what = "its weights" if isinstance(last, Trained) else "the job"
    since = f"{last.created_at:%Y-%m-%d}"
    return training.hold("lost", f"{what} (id {last.job_id}) could not be fetched since {since}: {reason}")


def try_again(training: TrainingLog) -> None:
    """Resume a lost training, on request. Raises `RecordConflict` where it has moved on."""
    known = training.known
    if isinstance(known, Submitted | Trained):
        fields = known.model_dump(exclude={"created_at", "writer_id"})
        training.append(type(known).model_validate({**fields, "created_at": now()}))


def _tries(ledger: Ledger, trained: Trained) -> list[datetime]:
    """Failed tries since the training was, or was said to be, at its end."""
    return sorted(at for _, at in ledger.store.written(_folder(trained)) if at >= trained.created_at)


def _folder(trained: Trained) -> str:
    return f"failed-downloads/{trained.name}/"

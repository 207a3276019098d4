"""What a new run works on, and whether there is anything to do at all."""

from __future__ import annotations

from typing import NamedTuple

from tuneloop.ledger.attempts import count_reason
from tuneloop.ledger.unmeant import check_meant, note_training
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest, build_run_record
from tuneloop.registry.promotions import Standing, applied_standing
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset, Sha256
from tuneloop.schemas.records import RunRecord

_REPEATED = (
    " The reason in force_reason has been carried out before, and the same words count once: say in other "
    "words why it should be trained and paid once more."
)


class Begun(NamedTuple):
    """A run that has decided what it works on."""

    run: RunRecord
    """What it works on, as it is written down."""
    standing: Standing
    """The decision that leaves nothing to do, none where something is left; and the champion beside it."""
    repeated: str
    """What is to be said of a reason that does not count any more; else empty."""


def begin(ctx: RunContext, request: RunRequest, flow_run: str) -> Begun:
    """Decide what a run works on, and write it down.

    All of the dataset is read and hashed; where something is left to do, it is in the store before the run is
    written down.

    Raises:
        DatasetError: The dataset cannot be used.
        ConfigurationError: It would be paid again for nothing that a person has changed.
    """
    begun = _read(ctx, request, flow_run)
    run = ctx.ledger.save_run(begun.run)
    # Another process of this very run was first: what it has decided on counts, whatever this one has found.
    return (
        begun
        if run.writer_id == begun.run.writer_id
        else Begun(run, applied_standing(ctx.ledger, run), begun.repeated)
    )


def _read(ctx: RunContext, request: RunRequest, flow_run: str) -> Begun:
    """Read all of a dataset, and bring it into the store unless nothing is left to do."""
    done: list[Begun] = []

    def is_settled(manifest: DatasetManifest, public: PublicDataset | None) -> bool:
        begun = _begun(ctx, request, flow_run, manifest.digest, public)
        if begun.run.retrain_reason is not None or begun.standing.decision is None:
            check_meant(ctx.ledger, begun.run, request.recipe, ctx.provider.base_url)
            return False
        done.append(begun)
        return True

    manifest, public = tasks.scan_dataset(ctx, request, is_settled)
    if done:
        return done[0]
    # Bringing it in takes time, in which others may have gone on with the same training.
    run = count_reason(ctx.ledger, build_run_record(ctx, request, manifest.digest, public, flow_run))
    note_training(ctx.ledger, run)
    return Begun(run, applied_standing(ctx.ledger, run), _repeated(request, run))


def _begun(
    ctx: RunContext, request: RunRequest, flow_run: str, digest: Sha256, public: PublicDataset | None
) -> Begun:
    run = build_run_record(ctx, request, digest, public, flow_run)
    return Begun(run, applied_standing(ctx.ledger, run), _repeated(request, run))


def _repeated(request: RunRequest, run: RunRecord) -> str:
    return _REPEATED if request.force_reason and run.retrain_reason is None else ""

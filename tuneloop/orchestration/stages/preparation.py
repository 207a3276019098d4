"""What a new run works on, and whether there is anything to do at all."""

from __future__ import annotations

from typing import NamedTuple

from prefect.logging import get_run_logger

from tuneloop.datasets.earlier_looks import earlier_look, look_name
from tuneloop.datasets.sources.source_state import state_of
from tuneloop.ledger.attempts import count_reason
from tuneloop.ledger.unmeant import check_meant, note_training
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest, build_run_record
from tuneloop.orchestration.stages.dataset import log_findings
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

    Where the dataset looks from outside as it did when it was read and hashed, and that dataset was trained and
    judged, nothing is read of it. In every other case all of it is read and hashed, and is in the store before the
    run is written down.

    Raises:
        DatasetError: The dataset cannot be used.
        ConfigurationError: It would be paid again for nothing that a person has changed.
    """
    state = state_of(request.dataset, ctx.bucket_client)
    begun = _settled_as_before(ctx, request, flow_run, state) or _read(ctx, request, flow_run, state)
    run = ctx.ledger.save_run(begun.run)
    # Another process of this very run was first: what it has decided on counts, whatever this one has found.
    return (
        begun
        if run.writer_id == begun.run.writer_id
        else Begun(run, applied_standing(ctx.ledger, run), begun.repeated)
    )


def _settled_as_before(ctx: RunContext, request: RunRequest, flow_run: str, state: str | None) -> Begun | None:
    """What an earlier look allows to say: that nothing is left to do. It decides nothing else."""
    look = earlier_look(ctx.store, look_name(state, request.recipe)) if state is not None else None
    if look is None:
        return None
    # A dataset that its provider fetches by itself has no state.
    begun = _begun(ctx, request, flow_run, look.digest, None)
    if begun.run.retrain_reason is not None or begun.standing.decision is None:
        return None
    log_findings(look.findings)
    get_run_logger().info(
        "%d images, dataset %s: names, sizes and times are as they were when all of it was read, so that "
        "nothing is read again",
        look.images,
        look.digest[:16],
    )
    return begun


def _read(ctx: RunContext, request: RunRequest, flow_run: str, state: str | None) -> Begun:
    """Read all of a dataset, and bring it into the store unless nothing is left to do."""
    done: list[Begun] = []

    def is_settled(manifest: DatasetManifest, public: PublicDataset | None) -> bool:
        begun = _begun(ctx, request, flow_run, manifest.digest, public)
        if begun.run.retrain_reason is not None or begun.standing.decision is None:
            check_meant(ctx.ledger, begun.run, request.recipe, ctx.provider.base_url)
            return False
        done.append(begun)
        return True

    manifest, public = tasks.scan_dataset(ctx, request, state, is_settled)
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

"""What a new run works on: its dataset checked and in the store, its training chosen, its record written."""

from __future__ import annotations

from prefect.logging import get_run_logger

from tuneloop.datasets.unchanged import load_scan_record, scan_record_name, state_of
from tuneloop.ledger.attempts import count_reason
from tuneloop.ledger.unintended import check_intended, note_training
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.logged_findings import log_findings
from tuneloop.orchestration.run_request import (
    RunRequest,
    build_run_record,
    repeated_reason,
    validate_request,
)
from tuneloop.providers.registry import trainer_name
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset
from tuneloop.schemas.records import RunRecord


def prepare(ctx: RunContext, request: RunRequest) -> RunRecord:
    """Decide what a run works on, and write it down.

    Where the dataset looks from outside as it did when it was read and hashed, and that dataset was trained and
    evaluated, nothing is read of it. In every other case all of it is read and hashed, and is in the store before
    the run is written down.

    Raises:
        DatasetError: The dataset cannot be used.
        ConfigurationError: A parameter has to be changed, or it would be paid again for nothing that a person has
            changed.
    """
    validate_request(ctx, request)
    state = state_of(request.dataset, ctx.bucket_client)
    run = _unchanged(ctx, request, state) or _read(ctx, request, state)
    # Where another process of this very run was first, what that one has decided on counts.
    run = ctx.ledger.save_run(run)
    repeated = repeated_reason(request, run)
    get_run_logger().info("training key %s, attempt %d.%s", run.key, run.attempt, repeated)
    if run.fallback_reason is not None:
        get_run_logger().warning("trained by %s, because %s", trainer_name(run), run.fallback_reason)
    return run


def _unchanged(ctx: RunContext, request: RunRequest, state: str | None) -> RunRecord | None:
    """The run, where an earlier scan shows that nothing is left to do; it decides nothing else."""
    record = load_scan_record(ctx.store, scan_record_name(state, request.recipe)) if state is not None else None
    if record is None:
        return None
    # A dataset that its provider fetches by itself has no state.
    run = build_run_record(ctx, request, record.digest, None)
    if not _is_settled(ctx, run):
        return None
    log_findings(record.findings)
    get_run_logger().info(
        "%d images, dataset %s: names, sizes and times are unchanged since all of it was read, so it is not "
        "read again",
        record.images,
        record.digest[:16],
    )
    return run


def _read(ctx: RunContext, request: RunRequest, state: str | None) -> RunRecord:
    """Read all of a dataset, and bring it into the store unless nothing is left to do."""
    from tuneloop.orchestration import tasks  # noqa: PLC0415 - most runs find nothing changed, and need none of it

    def settled_run(manifest: DatasetManifest, public: PublicDataset | None) -> RunRecord | None:
        run = build_run_record(ctx, request, manifest.digest, public)
        if _is_settled(ctx, run):
            return run
        check_intended(ctx.ledger, run, request.recipe, ctx.provider.base_url)
        return None

    manifest, public, settled = tasks.scan_dataset(ctx, request, state, settled_run)
    if settled is not None:
        return settled
    # Bringing it in takes time, in which others may have gone on with the same training.
    run = count_reason(ctx.ledger, build_run_record(ctx, request, manifest.digest, public))
    note_training(ctx.ledger, run)
    return run


def _is_settled(ctx: RunContext, run: RunRecord) -> bool:
    return run.retrain_reason is None and ctx.registry.applied_decision(run) is not None

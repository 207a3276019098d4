"""What a run leaves in a store that has trained and judged a dataset: written without training anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.data.unchanged_run import context_for, request_for
from tuneloop.clock import now
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.scan import preflight
from tuneloop.datasets.sources.opening import open_source
from tuneloop.datasets.unchanged import ScanRecord, save_scan_record, scan_record_name, state_of
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest, build_run_record
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.dataset import NO_LIMITS
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.records import Collected, RunRecord, Submitted, Trained
from tuneloop.storage.base import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def make_judged(store: Store, dataset: str, client_for: Callable[[str], S3Client]) -> RunRecord:
    """Write what a run leaves that has read, trained, judged and promoted a dataset."""
    return judge(context_for(store), request_for(dataset), client_for)


def judge(ctx: RunContext, request: RunRequest, client_for: Callable[[str], S3Client]) -> RunRecord:
    """The same for what a request asks for, in an opened store."""
    rule = CaptionRule(trigger_word=request.recipe.trigger, instance_prompt=None, provider_captions=False)
    state = state_of(request.dataset, client_for)
    assert state is not None  # noqa: S101 - its files are old enough
    with open_source(request.dataset, client_for=client_for) as source:
        manifest = preflight(source.folder, rule, NO_LIMITS).require_manifest()
    save_scan_record(
        ctx.store,
        scan_record_name(state, request.recipe),
        ScanRecord(digest=manifest.digest, images=len(manifest.items), findings=()),
    )
    run = build_run_record(ctx, request, manifest.digest, None)
    _train(ctx.ledger, run)
    return ctx.ledger.save_run(run)


def _train(ledger: Ledger, run: RunRecord) -> None:
    """Records of a whole story, from a job that was found to its promotion."""
    name, weights = f"{run.key[:16]}-g1", b"weights"
    base = {"created_at": now(), "attempt": 1, "name": name, "job_id": "job"}
    submitted = Submitted.model_validate({**base, "found_by": "list"})
    trained = Trained.model_validate({**base, "provider_status": "TRAINED"})
    ledger.store.create(f"weights/{name}/lora.safetensors", weights)
    collected = Collected.model_validate(
        {**base, "weights": f"weights/{name}/lora.safetensors", "sha256": "0" * 64, "size_bytes": len(weights)}
    )
    before = None
    for record in (submitted, trained, collected):
        ledger.append(run.key, before, record)
        before = record
    verdict = GateResult(verdict="promote", reason="the first one", rule="the first one", scores={})
    decision = Registry(ledger).record(run, verdict, number=1, against=0, report="report.html")
    assert decision is not None  # noqa: S101
    Registry(ledger).promote(run, collected, decision)

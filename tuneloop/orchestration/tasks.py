"""The tasks of a run: a few lines each, then one call into the package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.tasks import Task

from tuneloop.datasets.sources.public_zip import check_still_there
from tuneloop.datasets.store import load_manifest
from tuneloop.datasets.unchanged import ScanRecord, save_scan_record, scan_record_name, state_of
from tuneloop.errors import ProviderUnavailable, StoreError, StoreUnavailable
from tuneloop.evaluation.render import ModelUnderTest, render
from tuneloop.evaluation.reports.promotion_page import write_page
from tuneloop.evaluation.reports.report import (
    DecisionReport,
    latest_page_name,
    page_name,
    report_name,
    write_report,
)
from tuneloop.evaluation.scores import score_models
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.collection import collect_weights, restore_weights
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.artifacts import show_artifact
from tuneloop.orchestration.context import RunContext, load_clip_encoder
from tuneloop.orchestration.events import emit_training_event, emit_unanswered
from tuneloop.orchestration.logged_findings import log_findings
from tuneloop.orchestration.progress import ProgressArchive, ProgressReporter
from tuneloop.orchestration.run_request import RunRequest
from tuneloop.orchestration.stages.dataset import ingest, open_and_check
from tuneloop.providers.base import DeliveredDataset, OutgoingFile, Provider
from tuneloop.registry.models import save_model_page
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset
from tuneloop.schemas.evaluation import Evaluation, GateResult
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Collected, Decision, Promotion, RunRecord, Submitted
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.spending import Purpose, SpendingLimits
from tuneloop.schemas.training import Submission, job_name
from tuneloop.storage.page_link import page_link

RETRY_DELAYS_S: list[float] = [10, 60, 300]


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry only what may go away by itself: any other error is for a person."""
    return isinstance(state.result(raise_on_failure=False), ProviderUnavailable | StoreUnavailable)


_RETRY_OPTIONS: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": len(RETRY_DELAYS_S),
    "retry_delay_seconds": RETRY_DELAYS_S,
    "retry_condition_fn": _is_transient,
}
"""For steps that cost nothing: retries for minutes, where the transport has seconds. Never for a paid one."""


@task(name="scan-dataset", task_run_name="scan-dataset", cache_policy=NO_CACHE)
def scan_dataset(
    ctx: RunContext,
    request: RunRequest,
    state: str | None,
    settled_run: Callable[[DatasetManifest, PublicDataset | None], RunRecord | None],
) -> tuple[DatasetManifest, PublicDataset | None, RunRecord | None]:
    """Check every image and caption and, where there is something to do, bring all of it into the store.

    What was found is kept for later runs, if the dataset looks from outside as it did before it was read. Returns
    the manifest, the zip that the provider fetches, and what `settled_run` returned: a run with nothing to do.
    """
    fetching = ProgressReporter(request.model, "Dataset fetched", "bytes")
    checking = ProgressReporter(request.model, "Images checked", "images")
    storing = ProgressReporter(request.model, "Images into the store", "images")
    settled = None
    with open_and_check(ctx, request.dataset, request.recipe, checking.show, on_fetch=fetching.show) as checked:
        log_findings(checked.found.findings)
        if checked.found.manifest is not None:
            settled = settled_run(checked.found.manifest, checked.public)
        if settled is None:
            ctx.verify_store()
            ingest(ctx, checked, request.model, request.recipe, storing.show)
        manifest = checked.found.require_manifest()
    if state is not None and state == state_of(request.dataset, ctx.bucket_client):
        kept = ScanRecord(digest=manifest.digest, images=len(manifest.items), findings=checked.found.findings)
        save_scan_record(ctx.store, scan_record_name(state, request.recipe), kept)
    get_run_logger().info(
        "%d images, %d bytes, dataset %s", len(manifest.items), manifest.size_bytes, manifest.digest[:16]
    )
    return manifest, checked.public, settled


@task(name="upload-dataset", task_run_name="upload-dataset", **_RETRY_OPTIONS)
def upload_dataset(ctx: RunContext, run: RunRecord) -> DeliveredDataset:
    """Prepare the job at the provider, stream the zip from the store to it, and prove that it arrived."""
    name = job_name(run.key, run.attempt)
    ctx.provider.prepare(name, ctx.recipe(run))
    if run.public_dataset is not None:
        public = run.public_dataset
        check_still_there(public)
        return DeliveredDataset(public.url, public.size_bytes)
    archive: OutgoingFile = ctx.archive(run)
    if ctx.provider.capabilities.upload:
        # Not where the zip travels within the paid POST: nothing may stop between its bytes.
        bar = ProgressReporter(run.model, "Dataset to the provider", "bytes")
        archive = ProgressArchive(archive, bar.show)
    uploaded = ctx.provider.deliver(name, archive)
    get_run_logger().info("uploaded %d bytes, dataset %s", uploaded.size_bytes, run.dataset_digest[:16])
    return uploaded


@task(name="submit-training", task_run_name="submit-training", cache_policy=NO_CACHE, retries=0)
def submit(
    ctx: RunContext, run: RunRecord, training: TrainingLog, uploaded: DeliveredDataset, approval: str | None
) -> Submitted:
    """Claim the training and send the one paid POST. Never retried: the ledger knows how it ended."""
    manifest = load_manifest(run.dataset_digest, ctx.store)
    order = SubmitRequest(run, ctx.recipe(run), uploaded, ctx.limits, approval, manifest)
    submitted = submit_training(ctx.provider, training, order)
    emit_training_event("submitted", run, submitted)
    get_run_logger().info("submitted %s: the provider's id is %s", submitted.name, submitted.job_id)
    return submitted


@task(name="collect-weights", task_run_name="collect-weights", **_RETRY_OPTIONS)
def collect(ctx: RunContext, run: RunRecord, training: TrainingLog) -> Collected:
    """Stream the trained weights into the store, check them, and record them last."""
    bar = ProgressReporter(run.model, "Weights into the store", "bytes")
    collected = collect_weights(ctx.provider, training, bar.show)
    get_run_logger().info("%s bytes of weights in %s", collected.size_bytes, collected.weights)
    return collected


@task(name="restore-weights", task_run_name="restore-weights", **_RETRY_OPTIONS)
def restore(ctx: RunContext, provider: Provider, champion: Promotion) -> None:
    """Fetch the champion's weights from the provider once more, after they were lost."""
    bar = ProgressReporter(champion.model, "Weights into the store", "bytes")
    restore_weights(ctx.store, provider, champion, bar.show)
    get_run_logger().warning("the weights of champion v%d were missing and have been restored", champion.number)


@task(name="render", task_run_name="render-{role}", cache_policy=NO_CACHE, retries=0)
def render_images(
    ctx: RunContext,
    account: tuple[Provider, SpendingLimits],
    subject: ModelUnderTest,
    plan: EvaluationConfig,
    run: RunRecord,
    role: str,
) -> Evaluation:
    """Render what the plan asks for and is not in the store yet. Never retried: each image is paid."""
    bar = ProgressReporter(run.model, f"Images of the {role}", "images")
    provider, limits = account
    budget = Budget(ctx.ledger, provider.account, limits)

    def reserve(missing: int) -> bool:
        return budget.reserve_images(Purpose.of(run), missing, plan.service)

    evaluation = render(ctx.store, provider, subject, plan, bar.show, reserve=reserve)
    if evaluation.unanswered:
        emit_unanswered(run, evaluation)
    for image in evaluation.findings:
        get_run_logger().warning("%s, seed %d: %s", image.prompt, image.seed, image.finding)
    return evaluation


@task(name="score", task_run_name="score", cache_policy=NO_CACHE)
def score(
    ctx: RunContext,
    manifest: DatasetManifest,
    challenger: Evaluation,
    champion: Evaluation | None,
    trigger_words: tuple[str, ...],
) -> tuple[Evaluation, Evaluation | None]:
    """Measure the images of both models, and look for copies of training images."""
    encoder = load_clip_encoder()
    if encoder is not None:
        get_run_logger().info("CLIP scores by %s", encoder.name)
    return score_models(ctx.store, manifest, challenger, champion, encoder=encoder, trigger_words=trigger_words)


@task(name="set-visibility", task_run_name="set-visibility", **_RETRY_OPTIONS)
def set_visibility(ctx: RunContext, job: Submission, *, public: bool) -> None:
    """Make the promoted model public or private at the provider."""
    ctx.provider.set_visibility(job, public=public)
    get_run_logger().info("the model is %s at %s", "public" if public else "private", ctx.provider.name)


@task(name="report", task_run_name="report", cache_policy=NO_CACHE)
def report(ctx: RunContext, evidence: DecisionReport, against: int) -> str:
    """Write the report into the store, as a page and in short, and show it on the run's page."""
    name = page_name(evidence.run, against)
    page = write_page(ctx.store, evidence).encode()
    ctx.store.create(name, page)
    with suppress(StoreError):  # some let nothing be written twice
        ctx.store.rewrite(latest_page_name(evidence.run.model), page)
    markdown = write_report(ctx.store, evidence)
    ctx.store.create(report_name(evidence.run, against), markdown.encode())
    link = page_link(ctx.store, name)
    get_run_logger().info("report: %s", link.text)
    # Only what is shown holds the link: on S3 it is signed.
    shown = markdown.replace(f"`{ctx.store.uri_of(name)}`", link.to_markdown("the report's page"), 1)
    outcome = f"promoted: champion v{against + 1}" if evidence.result.verdict == "promote" else evidence.outcome
    description = in_markdown(f"{outcome.capitalize()}. {evidence.result.reason}")
    show_artifact(f"report-{evidence.run.model}", shown, description)
    return name


@task(name="model-page", task_run_name="model-page", cache_policy=NO_CACHE)
def model_page(ctx: RunContext, model: str) -> None:
    """Write the page of the model's champions."""
    link = page_link(ctx.store, save_model_page(ctx.ledger, model))
    get_run_logger().info("champions of %s: %s", model, link.text)


@task(name="record-decision", task_run_name="record-decision", cache_policy=NO_CACHE)
def record_result(
    ctx: RunContext, run: RunRecord, result: GateResult, number: int, against: int, report_file: str
) -> Decision | None:
    """Record what the gate says. Returns the decision that stands, see `Registry.record`."""
    get_run_logger().info("%s: %s", result.verdict, result.reason)
    return ctx.registry.record(run, result, number=number, against=against, report=report_file)

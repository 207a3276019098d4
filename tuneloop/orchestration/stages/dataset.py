"""From a dataset's name to a checked manifest in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prefect.logging import get_run_logger

from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.copies import make_copies
from tuneloop.datasets.delivery import Delivery
from tuneloop.datasets.scan import Preflight, preflight
from tuneloop.datasets.sources.opening import open_source
from tuneloop.datasets.store import load_manifest, store_images
from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.metrics.training_set import store_scoring_images
from tuneloop.evaluation.reports.dataset_page import write_dataset_page
from tuneloop.orchestration.artifacts import show_artifact
from tuneloop.orchestration.context import RunContext
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset
from tuneloop.schemas.findings import usability
from tuneloop.schemas.recipe_fields import BaseRecipe

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CheckedDataset:
    """A dataset that was opened and checked; its files are there while the block lasts that opened it."""

    found: Preflight
    public: PublicDataset | None
    """The zip that the provider fetches by itself, None where it is sent what we pack."""


@contextmanager
def open_and_check(
    ctx: RunContext,
    dataset: str,
    recipe: BaseRecipe,
    on_progress: Progress | None = None,
    *,
    on_fetch: Callable[[int, int | None], None] | None = None,
    adopted: bool = False,
) -> Iterator[CheckedDataset]:
    """Open a dataset and find everything that is wrong with it; nothing is written.

    Args:
        ctx: Opened blocks.
        dataset: A folder, a zip, a public address, `s3://…` or `hf://…`.
        recipe: Whose limits and caption rules count.
        on_progress: Called with images done and images in all.
        on_fetch: Called with bytes done and bytes in all while something is fetched or unpacked.
        adopted: The model was trained elsewhere: captions are taken as they are.
    """
    fetches = ctx.provider.capabilities.public_url and not adopted
    with open_source(
        dataset, client_for=ctx.bucket_client, provider_fetches=fetches, on_progress=on_fetch
    ) as source:
        if source.public is not None and recipe.normalize is not None:
            raise ConfigurationError(
                f"recipe.normalize: {ctx.provider.name} fetches {source.label} by itself, so nothing in it can "
                "be changed; name a folder, or leave normalize empty"
            )
        found = preflight(
            source.folder,
            # Captions of a zip that the provider fetches by itself cannot be changed, only read.
            CaptionRule.of(recipe, as_written=adopted or source.public is not None),
            recipe.profile,
            pairs=recipe.edit_pairs,
            on_progress=on_progress,
            sending=Delivery.of(recipe, by_provider=source.public is not None),
            source=source.label,
        )
        yield CheckedDataset(found, source.public)


def ingest(
    ctx: RunContext, checked: CheckedDataset, model: str, recipe: BaseRecipe, on_progress: Progress
) -> None:
    """Put a dataset into the store with the copies that are sent in its place, and show it on the run's page.

    It is compared with the one of the model's champion. Raises `DatasetError` where it cannot be used; the page
    names every finding all the same.
    """
    champion = ctx.ledger.champion(model)
    before = load_manifest(champion.dataset_digest, ctx.store) if champion else None
    found = checked.found
    if found.manifest is None:
        _show(found, model, before)
    manifest = found.require_manifest()
    known = {item.sha256 for item in before.items} if before else set()
    store_images(manifest, found.files, ctx.store, on_progress, known)
    store_scoring_images(manifest, found.files, ctx.store)
    if checked.public is None:
        made = make_copies(manifest, found.files, found.facts, recipe.normalize, ctx.store)
        if made.copies:
            get_run_logger().info("%d images are sent as changed copies", len(made.copies))
    _show(found, model, before)


def _show(found: Preflight, model: str, before: DatasetManifest | None) -> None:
    page = write_dataset_page(found.files, found.manifest, found.findings, before)
    verdict = f"{usability(found.findings).capitalize()} ({found.images} images)"
    show_artifact(f"dataset-{model}", page, verdict)

"""A run that finds its dataset unchanged, without Prefect's part of it."""

from __future__ import annotations

from uuid import uuid4

from prefect.logging import disable_run_logger

from tuneloop.ledger.accounts import current_driver, hand_over, remember_origin
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest
from tuneloop.orchestration.stages.preparation import prepare
from tuneloop.orchestration.stages.unchanged import nothing_to_do
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Decision
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.base import Store
from tuneloop.storage.identity import create_store, identity_of

WHO = "a benchmark"


def request_for(dataset: str) -> RunRequest:
    """A plain wish for a dataset."""
    recipe = FluxLoraRecipe(instance_prompt="a photo of TOK", trigger_word="TOK")
    return RunRequest("bench", dataset, recipe, EvaluationConfig(prompts=("a photo of TOK",)), "unchanged", None)


def context_for(store: Store, flow_run: str = "the-first-run") -> RunContext:
    """Open a store as a run does; what the Prefect server knows of it is left out."""
    identity = identity_of(store)
    provider = SegmindProvider("a-key", base_url="http://127.0.0.1:9")
    assert current_driver(Ledger(store)) is not None  # noqa: S101
    remember_origin(Ledger(store), provider.account, provider.base_url)
    return RunContext(
        store, Ledger(store), provider, SpendingLimits(), "the-store", "the-credentials", identity, flow_run
    )


def make_store(store: Store) -> None:
    """Make a store that somebody drives."""
    create_store(store, WHO)
    hand_over(Ledger(store), "server", "http://127.0.0.1:9", WHO)


def unchanged_run(store: Store, dataset: str) -> Decision | None:
    """What a run does on an unchanged dataset, from the opened blocks to its end: the decision found."""
    ctx, request = context_for(store, str(uuid4())), request_for(dataset)
    with disable_run_logger():
        run = ctx.load_run() or prepare(ctx, request)
        previous = ctx.registry.applied_decision(run)
        if previous is not None:
            nothing_to_do(ctx, request, run, previous)
    return previous

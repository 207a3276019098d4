"""Train one dataset with several trainers side by side, rank what comes of it, and let a person choose."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tuneloop.api import (
    Candidate,
    ComparisonRequest,
    EvaluationConfig,
    GatePolicy,
    ModelName,
    compare,
    find_comparison,
    prepare_comparison,
    show_comparison_plan,
    show_in_form,
)

_USUAL = EvaluationConfig()


@flow(name="compare-trainers", flow_run_name="{name}")
def compare_trainers(  # noqa: PLR0913, PLR0917 - each one is a field of the file
    name: ModelName,
    model: ModelName,
    dataset: str,
    recipes: list[Candidate],
    budget: float,
    prompts: tuple[str, ...] = _USUAL.prompts,
    seeds: tuple[int, ...] = _USUAL.seeds,
    aspect_ratio: str = "1:1",
    gate: GatePolicy = GatePolicy(),  # noqa: B008 - frozen
    store: str = "local-file-system/tuneloop",
    dry_run: bool = False,
) -> State[Any]:
    """Train, render and rank several candidates for one model under one budget; a person promotes one, or none.

    All are judged on the same prompts and seeds: against the model's champion, or against each other where there
    is none. A training that exists already is not paid again. While the providers train, and until somebody has
    chosen, the run is suspended and holds nothing.

    Args:
        name: Name of the comparison: small letters, digits and hyphens. Its newest page is
            pages/comparisons/NAME/latest.html.
        model: The model whose champion the chosen candidate becomes.
        dataset: As for a run of the model: a folder, a zip, its https:// address, s3://… or hf://….
        recipes: The candidates, two at least: each a recipe, and the credentials block of the account that pays.
        budget: What all trainings and images may cost together, in dollars.
        prompts: What to render; {trigger} stands for the recipe's trigger word.
        seeds: Every prompt is rendered once with each seed.
        aspect_ratio: Width to height of every image.
        gate: The thresholds, and how the score is made of its parts.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        dry_run: Only show what it would cost. Nothing is written or sent.
    """
    request = ComparisonRequest(name, model, dataset, recipes, budget, prompts, seeds, aspect_ratio, gate)
    if dry_run:
        return show_comparison_plan(store, request)
    return compare(find_comparison(store) or prepare_comparison(store, request))


# The gate is set in a file, which `tuneloop compare` takes.
show_in_form(
    compare_trainers,
    *("name", "model", "dataset", "dry_run", "recipes", "budget", "prompts", "seeds", "aspect_ratio", "store"),
)

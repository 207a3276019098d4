"""`tuneloop compare FILE`: what several trainers would cost, then a run that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect.exceptions import ParameterTypeError, SignatureMismatchError

from tuneloop.cli.run import is_well, run_document, start_and_follow
from tuneloop.cli.terminal import print_json, say
from tuneloop.errors import ConfigurationError
from tuneloop.operations.comparison import ComparisonPlan
from tuneloop.orchestration.comparison_request import ComparisonRequest, plan_comparison, plan_table
from tuneloop.orchestration.deployment_files import checked_parameters, flow_of, resolved
from tuneloop.schemas.spending import dollars

_ENTRYPOINT = "flows/compare_trainers.py:compare_trainers"
_DEPLOYMENT = "compare-trainers/compare"


def compare_trainers(path: Path, store: str, *, dry_run: bool, watch: bool, as_json: bool) -> bool:
    """Print the plan of a comparison, start it, and follow it. Returns True unless it failed or asks.

    Args:
        path: A file with the parameters of the flow.
        store: Where the file names none.
        dry_run: Only print the plan; nothing is written or sent.
        watch: Follow the run to its end.
        as_json: Print the plan, and what came of it, as a document.

    Raises:
        ConfigurationError: The file has a problem, a price is not known, or there is no such deployment.
        DatasetError: The dataset cannot be used.
        BudgetExceeded: It costs more than its budget.
    """
    parameters = {"store": store, **_read(path)}
    plan = plan_comparison(parameters["store"], _request(path, parameters))
    if not as_json:
        _show(plan)
    run = None if dry_run else start_and_follow(_DEPLOYMENT, parameters, watch=watch, as_json=as_json)
    if as_json:
        priced = {"cents": plan.cents, **plan.model_dump(mode="json")}
        print_json({"comparison": plan.name, "plan": priced, **(run_document(run) if run else {})})
    return run is None or is_well(run)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: cannot be read as YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: should be a mapping, with the parameters of {_ENTRYPOINT}")
    values: dict[str, Any] = resolved(document)
    return values


def _request(path: Path, parameters: dict[str, Any]) -> ComparisonRequest:
    try:
        values = checked_parameters(flow_of(_ENTRYPOINT), parameters)
    except (ParameterTypeError, SignatureMismatchError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from None
    names = ("name", "model", "dataset", "recipes", "budget", "prompts", "seeds", "aspect_ratio", "gate")
    return ComparisonRequest(*(values[name] for name in names))


def _show(plan: ComparisonPlan) -> None:
    say(f"Comparison {plan.name} for {plan.model}: {dollars(plan.cents)} of {dollars(plan.budget_cents)}")
    for what, todo, price in plan_table(plan):
        say(f"  {what}: {price}; {todo}")

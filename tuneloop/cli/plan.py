"""`tuneloop plan FILE`: what the deployments of a file would submit if they ran now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from tuneloop.cli.terminal import print_json, print_text, shown
from tuneloop.errors import ConfigurationError
from tuneloop.operations.plan import RunPlan
from tuneloop.orchestration.context import open_context
from tuneloop.orchestration.deployment_files import check_file, flow_of, resolved
from tuneloop.orchestration.run_plan import build_plan, plan_changes, plan_rows
from tuneloop.orchestration.run_request import RunRequest
from tuneloop.settings import Settings

_ENTRYPOINT = "flows/retrain_model.py:retrain_model"


def show_plans(path: Path, *, as_json: bool) -> None:
    """Plan every model of a deployment file. Writes no record, and sends nothing to the provider.

    Raises:
        ConfigurationError: The file has a problem, or retrains no model.
    """
    os.environ.setdefault("TUNELOOP_STORE", Settings().store)
    problems = check_file(path)
    if problems:
        raise ConfigurationError("fix the file first:\n" + "\n".join(f"- {item}" for item in problems))
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    plans = [_plan(entry) for entry in entries if entry["entrypoint"] == _ENTRYPOINT]
    if not plans:
        raise ConfigurationError(f"{path} has no deployment of {_ENTRYPOINT}; name a model's file")
    if as_json:
        print_json([plan.model_dump(mode="json") for plan in plans])
        return
    for plan in plans:
        show_plan(plan, Console())


def show_plan(plan: RunPlan, console: Console) -> None:
    """Print what would be submitted, why, and at what price."""
    print_text(console, Text.assemble(shown(plan.model, "bold"), ": ", plan.action))
    for name, value in plan_rows(plan):
        print_text(console, Text.assemble("  ", (f"{name}: ", "dim"), shown(" ".join(value.split()))))
    for name, value in plan_changes(plan):
        print_text(console, Text.assemble((f"{name}: ", "bold"), shown(" ".join(value.split()))))


def _plan(entry: dict[str, Any]) -> RunPlan:
    values = flow_of(_ENTRYPOINT).validate_parameters(resolved(entry.get("parameters") or {}))
    ctx = open_context(values["store"], values["credentials"], read_only=True)
    names = ("model", "dataset", "recipe", "evaluation", "visibility", "force_reason")
    return build_plan(ctx, RunRequest(**{name: values[name] for name in names}))

"""What a project's own flows and blocks import; all else in the library may change with any release.

A flow pays only for what it uses: a function is imported from where it lives when it is first called, anything
else when it is asked for. Most runs find nothing changed, and call none of those that train or judge.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneloop.errors import BudgetExceeded as BudgetExceeded
    from tuneloop.errors import ConfigurationError as ConfigurationError
    from tuneloop.errors import TrainingFailed as TrainingFailed
    from tuneloop.errors import TuneloopError as TuneloopError
    from tuneloop.http.retries import RUN_POLICY as RUN_POLICY
    from tuneloop.http.retries import RequestPolicy as RequestPolicy
    from tuneloop.orchestration.comparison_request import Candidate as Candidate
    from tuneloop.orchestration.comparison_request import ComparisonRequest as ComparisonRequest
    from tuneloop.orchestration.comparison_request import find_comparison as find_comparison
    from tuneloop.orchestration.comparison_request import prepare_comparison as prepare_comparison
    from tuneloop.orchestration.comparison_request import show_comparison_plan as show_comparison_plan
    from tuneloop.orchestration.context import RunContext as RunContext
    from tuneloop.orchestration.context import find_unfinished_run as find_unfinished_run
    from tuneloop.orchestration.context import open_context as open_context
    from tuneloop.orchestration.credentials import AnnouncedWebhook as AnnouncedWebhook
    from tuneloop.orchestration.credentials import ApiAddress as ApiAddress
    from tuneloop.orchestration.credentials import ApiKey as ApiKey
    from tuneloop.orchestration.credentials import ProviderCredentials as ProviderCredentials
    from tuneloop.orchestration.failover import fail_over as fail_over
    from tuneloop.orchestration.polling import poll_trainings as poll_trainings
    from tuneloop.orchestration.run_form import show_in_form as show_in_form
    from tuneloop.orchestration.run_plan import show_plan as show_plan
    from tuneloop.orchestration.run_request import Fallback as Fallback
    from tuneloop.orchestration.run_request import RunRequest as RunRequest
    from tuneloop.orchestration.stages.adoption import adopt as adopt
    from tuneloop.orchestration.stages.comparison import compare as compare
    from tuneloop.orchestration.stages.comparison import finish_cancelled_comparison as finish_cancelled_comparison
    from tuneloop.orchestration.stages.evaluation import evaluate as evaluate
    from tuneloop.orchestration.stages.preparation import prepare as prepare
    from tuneloop.orchestration.stages.promotion import finish_cancelled_run as finish_cancelled_run
    from tuneloop.orchestration.stages.promotion import promote as promote
    from tuneloop.orchestration.stages.promotion import stop as stop
    from tuneloop.orchestration.stages.rollback import Reason as Reason
    from tuneloop.orchestration.stages.rollback import roll_back as roll_back
    from tuneloop.orchestration.stages.training import train as train
    from tuneloop.orchestration.stages.unchanged import nothing_to_do as nothing_to_do
    from tuneloop.providers.registry import DEFAULT_CREDENTIALS as DEFAULT_CREDENTIALS
    from tuneloop.providers.registry import Recipe as Recipe
    from tuneloop.providers.registry import Trainer as Trainer
    from tuneloop.schemas.evaluation import GatePolicy as GatePolicy
    from tuneloop.schemas.plan import EvaluationConfig as EvaluationConfig
    from tuneloop.schemas.records import Collected as Collected
    from tuneloop.schemas.records import Decision as Decision
    from tuneloop.schemas.records import RunRecord as RunRecord
    from tuneloop.schemas.records import Visibility as Visibility
    from tuneloop.schemas.training import ModelName as ModelName

_HOMES = {
    alias.name: str(node.module)
    for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tuneloop.")
    for alias in node.names
}
"""The module of each name, read from the imports above, which only type checkers carry out."""
__all__ = list(_HOMES)

if not TYPE_CHECKING:  # else a type checker would find any name here

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"tuneloop.api has no {name}; it has {', '.join(sorted(_HOMES))}")
        return _on_call(name) if name.islower() else _imported(name)

    def _on_call(name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            return _imported(name)(*arguments, **named)

        call.__name__ = call.__qualname__ = name
        return call

    def _imported(name: str) -> Any:
        return getattr(import_module(_HOMES[name]), name)

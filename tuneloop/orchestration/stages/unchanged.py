"""The end of a run that has nothing to do."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from tuneloop.errors import TuneloopError
from tuneloop.ledger.collection import weights_problem
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest, repeated_reason
from tuneloop.schemas.evaluation import OUTCOMES
from tuneloop.schemas.records import Decision, RunRecord


def nothing_to_do(ctx: RunContext, request: RunRequest, run: RunRecord, previous: Decision) -> State[Any]:
    """End a run whose dataset, recipe and plan were evaluated before; lost weights are fetched again."""
    champion = ctx.registry.champion_beside(run)
    restored = ""
    if champion is not None and (problem := weights_problem(ctx.ledger, champion)) is not None:
        get_run_logger().warning("champion v%d: %s", champion.number, problem)
        # Most runs find nothing missing, and need none of it.
        from tuneloop.orchestration import tasks  # noqa: PLC0415
        from tuneloop.orchestration.stages.evaluation_costs import account_of  # noqa: PLC0415

        try:
            tasks.restore(ctx, account_of(ctx, champion)[0], champion)
        except TuneloopError as error:
            return Failed(
                message=f"Champion v{champion.number} of {run.model}: {problem}, and they could not be fetched "
                f"again: {error}. Restore them from a backup or an older object version, or go back to "
                "another champion with `tuneloop rollback`."
            )
        restored = " Its weights were gone from the store, and were fetched again."
    current = f"champion is v{champion.number}" if champion else "there is no champion"
    if champion is not None and champion.rolled_back_to is not None:
        current += f" (rolled back to v{champion.rolled_back_to} by a person: {champion.reason})"
    return Completed(
        name="Cached",
        message="Skipped, nothing paid: this dataset, recipe and plan were already evaluated "
        f"on {previous.created_at:%Y-%m-%d %H:%M} UTC ({OUTCOMES[previous.verdict]}); "
        f"{current}.{restored}{repeated_reason(request, run)}",
    )

"""Tells Prefect what has happened to a training or a model, as events that automations can hang on."""

from __future__ import annotations

from typing import Literal
from uuid import UUID, uuid5

from prefect.events import emit_event

from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import (
    AnyTrainingRecord,
    Decision,
    Failed,
    HasJobId,
    Held,
    Promotion,
    RunRecord,
    Trained,
)
from tuneloop.schemas.training import job_name
from tuneloop.sensor.tick import OddWord, Unreached
from tuneloop.sensor.transitions import Transition

TrainingEvent = Literal["submitted", "trained", "failed", "held", "overdue", "lost", "revived"]
ModelEvent = Literal["promoted", "rejected", "undecided"]

_SPACE = UUID("6f0c4b0e-7a0c-4d6b-9a55-3a1c0f9c8e11")
"""Name space of our events' ids: whoever tells the same thing twice has told it once."""


def emit_training_event(event: TrainingEvent, run: RunRecord, record: AnyTrainingRecord | None = None) -> None:
    """Tell what has happened to a training: `tuneloop.training.<event>`.

    Args:
        event: What has happened.
        run: A run that waits for the training.
        record: What was written, where something was; its writer's id makes one event of many tellers.
    """
    job = job_name(run.key, run.attempt)
    payload = {"model": run.model, "job": job, "account": run.account.slug, "flow_run": run.flow_run}
    if isinstance(record, HasJobId):
        payload["job_id"] = record.job_id
    if isinstance(record, Failed | Held):
        payload["reason"] = record.reason
    what = f"tuneloop.training.{event}"
    emit_event(
        what,
        resource={"prefect.resource.id": f"tuneloop.training.{job}", "prefect.resource.name": job},
        related=[_model(run), *_flow_run(run)],
        payload=payload,
        id=uuid5(_SPACE, f"{what}/{job}/{record.writer_id if record else ''}"),
    )


def emit_changes(changes: list[Transition]) -> None:
    """Tell of what a look at the provider has written down."""
    for change in changes:
        if isinstance(change.record, Trained):
            emit_training_event("trained", change.run, change.record)
        elif isinstance(change.record, Failed):
            emit_training_event("failed", change.run, change.record)
        elif isinstance(change.record, Held):
            emit_training_event("lost", change.run, change.record)


def emit_unknown_status(odd: OddWord) -> None:
    """Tell that a provider says something that is not documented: `tuneloop.training.odd-word`."""
    job = job_name(odd.run.key, odd.run.attempt)
    emit_event(
        "tuneloop.training.odd-word",
        resource={"prefect.resource.id": f"tuneloop.training.{job}", "prefect.resource.name": job},
        related=[_model(odd.run), *_flow_run(odd.run)],
        payload={
            "model": odd.run.model,
            "job": job,
            "account": odd.run.account.slug,
            "flow_run": odd.run.flow_run,
            "reason": f"status {odd.word!r} is not documented and counts as still running",
        },
        id=uuid5(_SPACE, f"tuneloop.training.odd-word/{odd.run.account.slug}/{odd.word}"),
    )


def emit_stuck(run: RunRecord, reason: str, once: str) -> None:
    """Tell that a run has something to do and does not go on: `tuneloop.run.stuck`.

    Args:
        run: What the run works on.
        reason: What is to be seen and what to do.
        once: What tells this standstill from another one of the run.
    """
    job = job_name(run.key, run.attempt)
    emit_event(
        "tuneloop.run.stuck",
        resource={"prefect.resource.id": f"prefect.flow-run.{run.flow_run}"},
        related=[_model(run), _training(job)],
        payload={
            "model": run.model,
            "job": job,
            "account": run.account.slug,
            "flow_run": run.flow_run,
            "reason": reason,
        },
        id=uuid5(_SPACE, f"tuneloop.run.stuck/{run.flow_run}/{once}"),
    )


def emit_unreachable(unreached: Unreached) -> None:
    """Tell that an account could not be asked for an hour: `tuneloop.account.unreached`."""
    emit_event(
        "tuneloop.account.unreached",
        resource={
            "prefect.resource.id": f"tuneloop.account.{unreached.account}",
            "prefect.resource.name": unreached.account,
        },
        payload={
            "account": unreached.account,
            "since": f"{unreached.since:%Y-%m-%d %H:%M} UTC",
            "reason": unreached.why,
        },
        id=uuid5(_SPACE, f"tuneloop.account.unreached/{unreached.account}/{unreached.since.isoformat()}"),
    )


def emit_model_event(event: ModelEvent, run: RunRecord, decision: Decision) -> None:
    """Tell what was decided about a model: `tuneloop.model.<event>`."""
    what = f"tuneloop.model.{event}"
    job = job_name(run.key, run.attempt)
    emit_event(
        what,
        resource={"prefect.resource.id": f"tuneloop.model.{run.model}", "prefect.resource.name": run.model},
        related=[
            _training(job),
            *_flow_run(run),
        ],
        payload={
            "model": run.model,
            "job": job,
            "account": run.account.slug,
            "flow_run": run.flow_run,
            "why": decision.reason,
            "who": decision.decided_by,
        },
        id=uuid5(_SPACE, f"{what}/{decision.writer_id}"),
    )


def emit_unanswered(run: RunRecord, evaluation: Evaluation) -> None:
    """Tell that images were paid, perhaps, and never came: `tuneloop.images.unanswered`.

    Args:
        run: The run that wanted them.
        evaluation: The images of one model; the same ones are told of once.
    """
    what = "tuneloop.images.unanswered"
    emit_event(
        what,
        resource={
            "prefect.resource.id": f"tuneloop.images.{evaluation.job}",
            "prefect.resource.name": evaluation.job,
        },
        related=[_model(run), *_flow_run(run)],
        payload={
            "model": run.model,
            "job": evaluation.job,
            "flow_run": run.flow_run,
            "unanswered": evaluation.unanswered,
            "images": len(evaluation.images),
        },
        id=uuid5(_SPACE, f"{what}/{evaluation.job}/{run.plan.digest}/{evaluation.unanswered}"),
    )


def emit_rolled_back(promotion: Promotion, flow_run: str | None = None) -> None:
    """Tell that a person has put an earlier champion back: `tuneloop.model.rolled-back`.

    Args:
        promotion: What the rollback has written; its writer's id makes one event of many tellers.
        flow_run: Id of the run that did it, None where it was done without one.
    """
    what = "tuneloop.model.rolled-back"
    job = job_name(promotion.key, promotion.attempt)
    emit_event(
        what,
        resource={
            "prefect.resource.id": f"tuneloop.model.{promotion.model}",
            "prefect.resource.name": promotion.model,
        },
        related=[
            _training(job),
            *(_of_run(flow_run) if flow_run else []),
        ],
        payload={
            "model": promotion.model,
            "job": job,
            "number": promotion.number,
            "to": promotion.rolled_back_to,
            "why": promotion.reason,
            "who": promotion.decided_by,
        },
        id=uuid5(_SPACE, f"{what}/{promotion.writer_id}"),
    )


def _model(run: RunRecord) -> dict[str, str]:
    return {
        "prefect.resource.id": f"tuneloop.model.{run.model}",
        "prefect.resource.name": run.model,
        "prefect.resource.role": "model",
    }


def _training(job: str) -> dict[str, str]:
    return {"prefect.resource.id": f"tuneloop.training.{job}", "prefect.resource.role": "training"}


def _flow_run(run: RunRecord) -> list[dict[str, str]]:
    return _of_run(run.flow_run)


def _of_run(flow_run: str) -> list[dict[str, str]]:
    return [{"prefect.resource.id": f"prefect.flow-run.{flow_run}", "prefect.resource.role": "flow-run"}]

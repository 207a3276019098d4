"""What Prefect shows of trainings, models and runs: events that automations can trigger on, tags and names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

import httpx
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run as this_run
from prefect.utilities.urls import url_for

from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import (
    Abandoned,
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
from tuneloop.sensor.tick import UnknownStatus, Unreached
from tuneloop.sensor.transitions import Transition
from tuneloop.storage.base import Store
from tuneloop.storage.page_link import page_link

TrainingEvent = Literal["submitted", "trained", "failed", "held", "overdue", "lost", "revived"]
ModelEvent = Literal["promoted", "rejected", "needs-review"]

Label = Literal["promoted", "rejected", "needs-review", "on-hold", "dry-run"]
LABELS: frozenset[str] = frozenset(get_args(Label))
"""The list of runs can be filtered by them."""
ASKING: frozenset[Label] = frozenset({"needs-review", "on-hold"})
"""Those of runs that wait for somebody's answer."""
LABEL_OF: dict[str, Label] = {"promote": "promoted", "reject": "rejected", "undecided": "needs-review"}
"""What came of a run, by the verdict."""

_RECORDED: dict[type, TrainingEvent] = {Trained: "trained", Failed: "failed", Held: "lost"}
_RELATED = {"model": "model", "training": "job", "flow-run": "flow_run"}
"""Kinds of resources that events are about or related to, and the field of a payload that names one."""
_EVENT_NAMESPACE = UUID("6f0c4b0e-7a0c-4d6b-9a55-3a1c0f9c8e11")
"""Of our events' ids: what is emitted twice is one event."""


def emit_training_event(event: TrainingEvent, run: RunRecord, record: AnyTrainingRecord | None = None) -> None:
    """Emit `tuneloop.training.<event>`, for a run that waits for the training.

    The writer's id of the record that was written, if any, makes one event of several emits.
    """
    payload = _payload(run)
    if isinstance(record, HasJobId):
        payload["job_id"] = record.job_id
    if isinstance(record, Failed | Held | Abandoned):
        payload["reason"] = record.reason
    job, once = payload["job"], record.writer_id if record else ""
    _emit(f"training.{event}", f"{job}/{once}", ("training", job), payload)


def emit_changes(changes: list[Transition]) -> None:
    """Emit what a poll has recorded."""
    for change in changes:
        record = change.record
        billed = isinstance(record, Abandoned) and record.billed
        if event := "failed" if billed else _RECORDED.get(type(record)):
            emit_training_event(event, change.run, record)


def emit_unknown_status(unknown: UnknownStatus) -> None:
    """Emit that a provider's status is not documented: `tuneloop.training.unknown-status`."""
    run, status = unknown
    payload = _payload(run, reason=f"status {status!r} is not documented and counts as still running")
    once = f"{run.account.slug}/{status}"
    _emit("training.unknown-status", once, ("training", payload["job"]), payload)


def emit_stuck(run: RunRecord, reason: str, once: str) -> None:
    """Emit that a run does not do what it has to: `tuneloop.run.stuck`; `once` names this standstill."""
    _emit("run.stuck", f"{run.flow_run}/{once}", ("flow-run", run.flow_run), _payload(run, reason=reason))


def emit_unreachable(unreached: Unreached) -> None:
    """Emit that an account could not be reached for an hour: `tuneloop.account.unreachable`."""
    account, since, why = unreached
    payload = {"account": account, "since": f"{since:%Y-%m-%d %H:%M} UTC", "reason": why}
    _emit("account.unreachable", f"{account}/{since.isoformat()}", ("account", account), payload)


def emit_model_event(event: ModelEvent, run: RunRecord, decision: Decision, store: Store) -> None:
    """Emit what was decided about a model: `tuneloop.model.<event>`, with a link to the report in the store."""
    report = {"report": page_link(store, decision.report).text} if decision.report else {}
    payload = _payload(run, reason=decision.reason, decided_by=decision.decided_by, **report)
    _emit(f"model.{event}", decision.writer_id, ("model", run.model), payload)


def emit_unanswered(run: RunRecord, evaluation: Evaluation) -> None:
    """Emit once that images were paid, perhaps, and never came: `tuneloop.images.unanswered`."""
    job, unanswered = evaluation.job, evaluation.unanswered
    payload = {
        "model": run.model,
        "job": job,
        "flow_run": run.flow_run,
        "unanswered": unanswered,
        "images": len(evaluation.images),
    }
    _emit("images.unanswered", f"{job}/{run.plan.digest}/{unanswered}", ("images", job), payload)


def emit_rolled_back(promotion: Promotion, flow_run: str | None = None) -> None:
    """Emit once that an earlier champion was put back, by a run if any: `tuneloop.model.rolled-back`."""
    payload = {
        "model": promotion.model,
        "job": job_name(promotion.key, promotion.attempt),
        "number": promotion.number,
        "to": promotion.rolled_back_to,
        "reason": promotion.reason,
        "decided_by": promotion.decided_by,
        **({"flow_run": flow_run} if flow_run else {}),
    }
    _emit("model.rolled-back", promotion.writer_id, ("model", promotion.model), payload)


def _payload(run: RunRecord, **more: str) -> dict[str, str]:
    payload = {"model": run.model, "job": job_name(run.key, run.attempt), "account": run.account.slug, **more}
    return payload | {"flow_run": run.flow_run, "run_page": url_for("flow-run", run.flow_run) or ""}


def _emit(event: str, once: str, about: tuple[str, str], payload: Mapping[str, Any]) -> None:
    """Emit `tuneloop.<event>` about a resource, its kind and name; the same event and `once` are one event."""
    others = {kind: payload[field] for kind, field in _RELATED.items() if field in payload and kind != about[0]}
    emit_event(
        f"tuneloop.{event}",
        resource=_resource(*about),
        related=[{**_resource(*other), "prefect.resource.role": other[0]} for other in others.items()],
        payload=dict(payload),
        id=uuid5(_EVENT_NAMESPACE, f"tuneloop.{event}/{once}"),
    )


def _resource(kind: str, name: str) -> dict[str, str]:
    if kind == "flow-run":
        return {"prefect.resource.id": f"prefect.flow-run.{name}"}  # Prefect's own
    return {"prefect.resource.id": f"tuneloop.{kind}.{name}", "prefect.resource.name": name}


def label_run(model: str, label: Label | None) -> None:
    """Give this run one of the tags in place of another, and a name that says the same; None takes it away."""
    # What cannot be shown stops no work.
    with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
        tags = set(client.read_flow_run(this_run.id).tags)
        wanted = tags - LABELS | ({label} if label else set())
        if wanted != tags:
            name = f"{model}: {label.replace('-', ' ')}" if label else model
            client.update_flow_run(this_run.id, tags=sorted(wanted), name=name)

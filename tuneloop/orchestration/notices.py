"""The notices of `tuneloop automations --notify`: the model, one sentence, and where to look."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from tuneloop.orchestration.started_runs import RETRAINING_FLOWS
from tuneloop.orchestration.suspend import SENSOR_FLOW

_PREFIX = "tuneloop: notify "
"""How the name of each begins."""
OUR_FLOWS = {"prefect.resource.role": "flow", "prefect.resource.name": [*RETRAINING_FLOWS]}
ANY_RUN = {"prefect.resource.id": ["prefect.flow-run.*"]}
_SENSOR_SILENT_AFTER = timedelta(minutes=15)
_LINKS = (
    "{% set page = flow_run|ui_url or event.payload.run_page %}"
    "{% if page %}\nRun: {{ page }}{% endif %}"
    "{% if event.payload.report %}\nReport: {{ event.payload.report }}{% endif %}"
)
"""The server's own address comes first: it may be set to one that people reach, and a worker's is not."""


class _Notice(NamedTuple):
    """What is said of an event of ours; `sentence` is a template in which `job`, `account` and so on are its."""

    event: str
    what: str
    sentence: str


_NOTICES = (
    _Notice("model.promoted", "promoted", "{job} is the new champion: {reason}"),
    _Notice("model.needs-review", "needs review", "The gate is undecided about {job}: {reason}"),
    _Notice("training.held", "on hold", "Training {job} at {account} is on hold until you answer: {reason}"),
    _Notice("training.failed", "failed", "Training {job} at {account} has failed: {reason}"),
    _Notice(
        "training.overdue",
        "overdue",
        "Training {job} at {account} is taking unusually long; check the provider's console.",
    ),
    _Notice("training.lost", "lost", "The job or weights of {job} at {account} cannot be fetched: {reason}"),
    _Notice(
        "training.revived",
        "revived",
        "Training {job} at {account} is running again after it was reported as failed.",
    ),
    _Notice("training.unknown-status", "unknown status", "Training {job} at {account}: {reason}"),
    _Notice("run.stuck", "stuck", "A run does not go on by itself: {reason}"),
    _Notice("account.unreachable", "not reachable", "{account} has not been reachable since {since}: {reason}"),
)


def notices(block: UUID) -> list[AutomationCore]:
    """Every notice, sent through a notification block."""
    return [*(_notice(block, item) for item in _NOTICES), _failed_run(block), _sensor_silent(block)]


def _notice(block: UUID, item: _Notice) -> AutomationCore:
    fields = ("job", "account", "since", "reason")
    sentence = item.sentence.format(**{name: f"{{{{ event.payload.{name} }}}}" for name in fields})
    return _automation(
        f"{_PREFIX}on {item.event.rpartition('.')[2]}",
        EventTrigger(expect={f"tuneloop.{item.event}"}, posture=Posture.Reactive, threshold=1),
        _sent(block, f"{{{{ event.payload.model or event.payload.account }}}}: {item.what}", sentence + _LINKS),
    )


def _failed_run(block: UUID) -> AutomationCore:
    """Where nothing was trained, as with a dataset that cannot be used, only Prefect tells of the failure."""
    trigger = EventTrigger(
        expect={"prefect.flow-run.Failed"},
        # A failed training is told by the notice of its own.
        match=ANY_RUN | {"prefect.state-message": ["!*TrainingFailed: training * is failed: *"]},
        match_related=OUR_FLOWS,
        posture=Posture.Reactive,
        threshold=1,
    )
    model = "{{ flow_run.parameters.model or event.resource.name }}"
    sentence = "{{ event.resource['prefect.state-message']|truncate(600) }}"
    return _automation(f"{_PREFIX}on failed run", trigger, _sent(block, f"{model}: run failed", sentence + _LINKS))


def _sensor_silent(block: UUID) -> AutomationCore:
    """What runs on a worker cannot notice that none is up: here the server itself does."""
    trigger = EventTrigger(
        # Not "Late": that is also what Prefect calls a run that no worker takes.
        expect={f"prefect.flow-run.{name}" for name in ("Idle", "Completed", "Failed")},
        match=ANY_RUN,
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": [SENSOR_FLOW]},
        posture=Posture.Proactive,
        threshold=1,
        within=_SENSOR_SILENT_AFTER,
    )
    sentence = (
        f"{SENSOR_FLOW} has not polled for {_SENSOR_SILENT_AFTER.total_seconds() / 60:.0f} minutes, so suspended "
        "runs are not resumed: is a worker up, and is its schedule active? `tuneloop status` shows why."
    )
    return _automation(
        f"{_PREFIX}when the sensor stops polling",
        trigger,
        _sent(block, "Tuneloop: trainings not polled", sentence),
    )


def _sent(block: UUID, subject: str, body: str) -> SendNotification:
    return SendNotification(block_document_id=block, subject=subject, body=body)


def _automation(name: str, trigger: EventTrigger, action: SendNotification) -> AutomationCore:
    return AutomationCore(
        name=name, description="Made by `tuneloop automations --notify`.", trigger=trigger, actions=[action]
    )

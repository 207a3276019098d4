"""`tuneloop automations`: what Prefect does by itself about our events. May be repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.suspend import SENSOR_FLOW

_NOTICED = {
    "tuneloop.training.failed": "a training has failed",
    "tuneloop.training.held": "a training is on hold and needs approval",
    "tuneloop.training.overdue": "a training takes unusually long",
    "tuneloop.training.lost": "a job or its weights cannot be fetched and approval is needed",
    "tuneloop.training.revived": "a job lives on that had come to a bad end",
    "tuneloop.training.unknown-status": "a provider's status is not documented",
    "tuneloop.run.stuck": "a run does not go on by itself",
    "tuneloop.account.unreachable": "an account could not be reached for an hour",
    "tuneloop.model.needs-review": "a model is undecided and needs a review",
}
_ZOMBIE_AFTER = timedelta(minutes=10)
"""More than three heartbeats: a shorter window has called living runs dead."""
_SENSOR_SILENT_AFTER = timedelta(minutes=15)
_OUR_FLOWS = {"prefect.resource.role": "flow", "prefect.resource.name": ["retrain-model", "continue-training"]}
_SIGNS_OF_LIFE = {
    f"prefect.flow-run.{name}"
    for name in (
        "heartbeat", "Completed", "Failed", "Crashed", "Cancelling", "Cancelled", "Suspended", "Paused",
        "Resuming", "AwaitingRetry", "Cached",
    )
}  # fmt: skip


def create_automations(notify: str | None = None) -> list[str]:
    """Create or renew the automations that belong to every installation.

    `notify` is the slug of a notification block, such as `slack-webhook/alerts`; without one the automations
    notify nobody, and can be given an action in the UI. Returns their names. Raises `ConfigurationError` where
    there is no such block.
    """
    with get_client(sync_client=True) as client:
        block = _notification_block(client, notify) if notify else None
        notices = [_notice(event, what, block) for event, what in _NOTICED.items()]
        wanted = [*notices, _sensor_silent(block), _zombies(), _crashed()]
        for automation in wanted:
            _create_or_renew(client, automation, keep_actions=notify is None)
    return [automation.name for automation in wanted]


def _notice(event: str, what: str, block: UUID | None) -> AutomationCore:
    body = (
        "{{ event.payload.job }} of model {{ event.payload.model }} ({{ event.payload.account }}): "
        "{{ event.payload.reason }}\nRun {{ event.payload.flow_run }}"
    )
    return AutomationCore(
        name=f"tuneloop: notify on {event.rpartition('.')[2]}",
        description=f"Notifies that {what}. Made by `tuneloop automations`.",
        trigger=EventTrigger(expect={event}, posture=Posture.Reactive, threshold=1),
        actions=[_notification(block, f"Tuneloop: {what}: {{{{ event.payload.model }}}}", body)],
    )


def _notification(block: UUID | None, subject: str, body: str) -> ActionTypes:
    if block is None:
        return DoNothing()
    return SendNotification(block_document_id=block, subject=subject, body=body)


def _sensor_silent(block: UUID | None) -> AutomationCore:
    """What runs on a worker cannot notice that none is up: here the server itself does."""
    minutes = _SENSOR_SILENT_AFTER.total_seconds() / 60
    body = (
        f"{SENSOR_FLOW} has not polled for {minutes:.0f} minutes, so suspended runs are not resumed: is a worker "
        "up, and its schedule switched on? `tuneloop status` says which."
    )
    return AutomationCore(
        name="tuneloop: notify when the sensor stops polling",
        description=f"Notifies that {SENSOR_FLOW} has not ended for {minutes:.0f} minutes. Made by "
        "`tuneloop automations`.",
        # Not "Late": that is also what Prefect calls a run that no worker takes.
        trigger=_of_runs(
            Posture.Proactive,
            {f"prefect.flow-run.{name}" for name in ("Idle", "Completed", "Failed")},
            {"prefect.resource.role": "flow", "prefect.resource.name": [SENSOR_FLOW]},
            within=_SENSOR_SILENT_AFTER,
        ),
        actions=[_notification(block, "Tuneloop: no poll of the trainings", body)],
    )


def _of_runs(posture: Posture, expect: set[str], flows: dict[str, Any], **options: Any) -> EventTrigger:
    return EventTrigger(
        expect=expect,
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        match_related=flows,
        posture=posture,
        threshold=1,
        **options,
    )


def _zombies() -> AutomationCore:
    """A run whose process went away with its worker stays Running for ever, unless its heartbeat is missed."""
    return AutomationCore(
        name="tuneloop: call runs without heartbeat crashed",
        description="A run of ours that gives no sign of life is marked Crashed. Made by `tuneloop automations`.",
        trigger=_of_runs(
            Posture.Proactive,
            _SIGNS_OF_LIFE,
            _OUR_FLOWS,
            after={"prefect.flow-run.heartbeat"},
            for_each={"prefect.resource.id"},
            within=_ZOMBIE_AFTER,
        ),
        # Never by force: that has turned completed runs into crashed ones.
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat for ten minutes.")],
    )


def _crashed() -> AutomationCore:
    return AutomationCore(
        name="tuneloop: start crashed runs again",
        description="A crashed run of ours is started again, at most once in ten minutes; it goes on from the "
        "ledger. Made by `tuneloop automations`.",
        trigger=_of_runs(
            Posture.Reactive,
            {"prefect.flow-run.Crashed"},
            _OUR_FLOWS,
            for_each={"prefect.resource.id"},
            within=_ZOMBIE_AFTER,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED, name="AwaitingRetry", message="Started again after a crash."
            )
        ],
    )


def _create_or_renew(client: SyncPrefectClient, wanted: AutomationCore, *, keep_actions: bool) -> None:
    """Create an automation, or renew the one of its name; what a user has hung on a notice stays."""
    present = client.read_automations_by_name(wanted.name)
    if not present:
        client.create_automation(wanted)
        return
    notices = any(isinstance(action, DoNothing) for action in wanted.actions)
    if keep_actions and notices:
        wanted = wanted.model_copy(update={"actions": present[0].actions})
    client.update_automation(present[0].id, wanted.model_copy(update={"enabled": present[0].enabled}))
    for duplicate in present[1:]:
        client.delete_automation(duplicate.id)


def _notification_block(client: SyncPrefectClient, slug: str) -> UUID:
    kind, _, name = slug.partition("/")
    try:
        return client.read_block_document_by_name(name, kind).id
    except ObjectNotFound:
        raise ConfigurationError(
            f"there is no block {slug}; make a notification block in the Prefect UI under Blocks, such as Slack "
            "Webhook, and name it as slack-webhook/NAME"
        ) from None

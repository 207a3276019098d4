"""`tuneloop automations`: what Prefect does by itself about our events. May be repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.notices import ANY_RUN, OUR_FLOWS, notices

_ZOMBIE_AFTER = timedelta(minutes=10)
"""More than three heartbeats: a shorter window has called living runs dead."""
_RESTART_AGAIN_AFTER = timedelta(minutes=10)
"""What crashes at once each time is not to be started without end."""
_SIGNS_OF_LIFE = {
    f"prefect.flow-run.{name}"
    for name in (
        "heartbeat", "Completed", "Failed", "Crashed", "Cancelling", "Cancelled", "Suspended", "Paused",
        "Resuming", "AwaitingRetry", "Cached",
    )
}  # fmt: skip
_AFTER_PENDING = _SIGNS_OF_LIFE | {
    f"prefect.flow-run.{name}" for name in ("Running", "Scheduled", "Late", "AwaitingConcurrencySlot")
}


def create_automations(notify: str | None = None) -> list[str]:
    """Create or renew the automations that belong to every installation. Returns their names.

    `notify` is the slug of a notification block, such as `slack-webhook/alerts`; without one there are no notices.
    Raises `ConfigurationError` where there is no such block.
    """
    with get_client(sync_client=True) as client:
        told = notices(_notification_block(client, notify)) if notify else ()
        wanted = [*told, _zombies(), _unstarted(), _crashed()]
        for automation in wanted:
            _create_or_renew(client, automation)
    return [automation.name for automation in wanted]


def _of_runs(posture: Posture, expect: set[str], **options: Any) -> EventTrigger:
    return EventTrigger(
        expect=expect,
        match=ANY_RUN,
        match_related=OUR_FLOWS,
        posture=posture,
        threshold=1,
        **options,
    )


def _zombies() -> AutomationCore:
    """A run whose process went away with its worker stays Running for ever, unless its heartbeat is missed.

    Also the first one: a process that is killed at once has sent none.
    """
    return AutomationCore(
        name="tuneloop: mark runs without a heartbeat as crashed",
        description="Marks a Tuneloop run without a heartbeat as Crashed. Made by `tuneloop automations`.",
        trigger=_of_runs(
            Posture.Proactive,
            _SIGNS_OF_LIFE,
            after={"prefect.flow-run.heartbeat", "prefect.flow-run.Running"},
            for_each={"prefect.resource.id"},
            within=_ZOMBIE_AFTER,
        ),
        # Never by force: that has turned completed runs into crashed ones.
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat for ten minutes.")],
    )


def _unstarted() -> AutomationCore:
    """A run whose worker or server died just as its process began stays Pending for ever, without a heartbeat."""
    return AutomationCore(
        name="tuneloop: mark runs that do not start as crashed",
        description="Marks a Tuneloop run that stays Pending as Crashed. Made by `tuneloop automations`.",
        trigger=_of_runs(
            Posture.Proactive,
            _AFTER_PENDING,
            after={"prefect.flow-run.Pending"},
            for_each={"prefect.resource.id"},
            within=_ZOMBIE_AFTER,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="Pending for ten minutes.")],
    )


def _crashed() -> AutomationCore:
    return AutomationCore(
        name="tuneloop: start crashed runs again",
        description="Starts a crashed Tuneloop run again, at most once in ten minutes; it continues from the "
        "ledger. Made by `tuneloop automations`.",
        trigger=_of_runs(
            Posture.Reactive,
            {"prefect.flow-run.Crashed"},
            for_each={"prefect.resource.id"},
            within=_RESTART_AGAIN_AFTER,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED, name="AwaitingRetry", message="Started again after a crash."
            )
        ],
    )


def _create_or_renew(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Create an automation, or renew the one of its name; what is switched off stays off."""
    present = client.read_automations_by_name(wanted.name)
    if not present:
        client.create_automation(wanted)
        return
    client.update_automation(present[0].id, wanted.model_copy(update={"enabled": present[0].enabled}))
    for duplicate in present[1:]:
        client.delete_automation(duplicate.id)


def _notification_block(client: SyncPrefectClient, slug: str) -> UUID:
    kind, _, name = slug.partition("/")
    try:
        block = client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        raise ConfigurationError(
            f"there is no block {slug}; make a notification block in the Prefect UI under Blocks, such as Slack "
            "Webhook, and name it as slack-webhook/NAME"
        ) from None
    if block.block_schema is not None and "notify" not in block.block_schema.capabilities:
        raise ConfigurationError(
            f"block {slug} cannot notify; name a notification block, such as slack-webhook/NAME"
        )
    return block.id

"""`tuneloop automations --notify`: what is sent through a notification block, and when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.actions import DoNothing, PauseAutomation
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from tests.emulator.webhook_receiver import Receiver, receiving
from tests.flows.runs import here, run_of
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.automations import create_automations


@pytest.fixture
def receiver(stack: Stack) -> Iterator[Receiver]:
    """Somebody who is notified by the block `custom-webhook/alerts`; there are no automations afterwards."""
    del stack
    with receiving() as somebody:
        message = {"subject": "{{subject}}", "body": "{{body}}", "status": "sent"}
        block = CustomWebhookNotificationBlock(name="alerts", url=somebody.url, json_data=message)
        block.save("alerts", overwrite=True)
        yield somebody
        with get_client(sync_client=True) as client:
            for item in client.read_automations():
                client.delete_automation(item.id)


def notices_there() -> dict[str, str]:
    """What each notice of ours does, by its name."""
    with get_client(sync_client=True) as client:
        found = [item for item in client.read_automations() if item.name.startswith("tuneloop: notify ")]
    return {item.name.removeprefix("tuneloop: notify "): item.actions[0].type for item in found}


def message_about(receiver: Receiver, model: str) -> tuple[str, list[str]]:
    """Subject and lines of the one message about a model, once it has come."""

    def found() -> list[dict[str, Any]]:
        return [each.body for each in list(receiver.received) if each.body["subject"].startswith(f"{model}: ")]

    [message] = wait_until(f"there is a message about {model}", found, seen=lambda: receiver.received)
    return message["subject"].removeprefix(f"{model}: "), message["body"].splitlines()


def test_notices_are_there_with_a_block_only_and_those_that_did_nothing_go(receiver: Receiver) -> None:
    trigger = EventTrigger(expect={"tuneloop.model.rejected"}, posture=Posture.Reactive, threshold=1)
    with get_client(sync_client=True) as client:
        other = client.create_automation(AutomationCore(name="other", trigger=trigger, actions=[DoNothing()]))
        for name, action in (("failed", DoNothing()), ("held", PauseAutomation(automation_id=other))):
            client.create_automation(
                AutomationCore(name=f"tuneloop: notify on {name}", trigger=trigger, actions=[action])
            )
    create_automations()
    assert notices_there() == {"on held": "pause-automation"}

    assert create_automations("custom-webhook/alerts") == create_automations("custom-webhook/alerts")
    of_what = (
        "promoted", "needs-review", "held", "failed", "failed run", "overdue", "lost", "revived", "unknown-status",
        "stuck", "unreachable",
    )  # fmt: skip
    wanted = {*(f"on {what}" for what in of_what), "when the sensor stops polling"}
    assert notices_there() == dict.fromkeys(wanted, "send-notification")
    del receiver


def test_block_that_cannot_notify_is_rejected(stack: Stack) -> None:
    with pytest.raises(ConfigurationError, match=f"block {stack.store_slug} cannot notify"):
        create_automations(stack.store_slug)
    assert notices_there() == {}


def test_promotion_and_failed_run_are_told_in_a_sentence_with_links(
    stack: Stack, receiver: Receiver, wish: dict[str, Any], tmp_path: Path
) -> None:
    create_automations("custom-webhook/alerts")
    promoted, failed = here(wish), here({**wish, "model": "no-images", "dataset": str(tmp_path / "nowhere")})

    subject, lines = message_about(receiver, wish["model"])
    assert subject == "promoted"
    assert " is the new champion: " in lines[0]
    assert lines[1] == f"Run: {stack.server_url}/runs/flow-run/{run_of(promoted)}"

    subject, lines = message_about(receiver, "no-images")
    assert subject == "run failed"
    assert "there is no such folder" in lines[0]
    assert lines[1:] == [f"Run: {stack.server_url}/runs/flow-run/{run_of(failed)}"]

"""`tuneloop automations --notify`: what is sent through a notification block, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client

from tests.emulator.webhook_receiver import Receiver, receiving
from tests.flows.runs import here, run_of, start, tick, wait_for
from tests.registry.conftest import run_of as record_of_run
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.automations import create_automations
from tuneloop.orchestration.events import (
    emit_stuck,
    emit_training_event,
    emit_unknown_status,
    emit_unreachable,
)
from tuneloop.schemas.records import Held
from tuneloop.schemas.training import job_name
from tuneloop.sensor.tick import UnknownStatus, Unreached


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


def test_notices_are_there_with_a_block_only(receiver: Receiver) -> None:
    create_automations()
    assert notices_there() == {}

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


def end_a_training_badly(stack: Stack, emulator: EmulatorControl, wish: dict[str, Any]) -> UUID:
    """A run whose training has failed at the provider."""
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    emulator.fail_job(emulator.jobs()[-1].id, "bad images")
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    wait_for(run, "Failed")
    return run


def test_promotion_and_failures_are_told_once_in_a_sentence_with_links(
    stack: Stack, receiver: Receiver, emulator: EmulatorControl, wish: dict[str, Any], tmp_path: Path
) -> None:
    create_automations("custom-webhook/alerts")
    training = end_a_training_badly(stack, emulator, {**wish, "model": "unlucky"})
    promoted, failed = here(wish), here({**wish, "model": "no-images", "dataset": str(tmp_path / "nowhere")})

    subject, lines = message_about(receiver, wish["model"])
    assert subject == "promoted"
    assert " is the new champion: " in lines[0]
    assert lines[1] == f"Run: {stack.server_url}/runs/flow-run/{run_of(promoted)}"
    assert re.match(rf"Report: \S+/models/{wish['model']}/reports/\S+\.html", lines[2])

    subject, lines = message_about(receiver, "no-images")
    assert subject == "run failed"
    assert "there is no such folder" in lines[0]
    assert lines[1:] == [f"Run: {stack.server_url}/runs/flow-run/{run_of(failed)}"]

    # Its run has failed too, and before the one above.
    subject, lines = message_about(receiver, "unlucky")
    assert (subject, lines[0].endswith(" has failed: bad images")) == ("failed", True)
    assert lines[1:] == [f"Run: {stack.server_url}/runs/flow-run/{training}"]


def test_every_trouble_with_a_training_is_told_in_a_whole_sentence(receiver: Receiver) -> None:
    create_automations("custom-webhook/alerts")
    run = record_of_run("c", "troubled")
    job, account = job_name(run.key, 1), run.account.slug
    header: dict[str, Any] = {"created_at": now(), "attempt": 1, "name": job}
    emit_training_event("held", run, Held(**header, reason="the limit is reached"))
    emit_training_event("lost", run, Held(**header, reason="404", kind="lost"))
    emit_training_event("overdue", run)
    emit_training_event("revived", run)
    emit_unknown_status(UnknownStatus(run, "PAUSED"))
    emit_stuck(run, "it sleeps and nobody resumes it", "once")
    since = now() - timedelta(hours=2)
    emit_unreachable(Unreached(account, since, "the connection is refused"))

    def told() -> dict[str, str]:
        bodies = [each.body for each in list(receiver.received)]
        return {each["subject"]: each["body"].splitlines()[0] for each in bodies}

    found = wait_until("seven are told", lambda: told() if len(told()) == 7 else None, seen=told)
    assert found == {
        f"{account}: not reachable": f"{account} has not been reachable since {since:%Y-%m-%d %H:%M} UTC: the "
        "connection is refused",
        "troubled: on hold": f"Training {job} at {account} is on hold until you answer: the limit is reached",
        "troubled: lost": f"The job or weights of {job} at {account} cannot be fetched: 404",
        "troubled: overdue": f"Training {job} at {account} is taking unusually long; check the "
        "provider's console.",
        "troubled: revived": f"Training {job} at {account} is running again after it was reported as failed.",
        "troubled: unknown status": f"Training {job} at {account}: status 'PAUSED' is not documented and counts "
        "as still running",
        "troubled: stuck": "A run does not go on by itself: it sleeps and nobody resumes it",
    }

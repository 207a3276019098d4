"""The emulated providers call by themselves, well and badly: the ledger ends the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.waiting import wait_until
from tests.webhooks.conftest import only_segmind
from tests.webhooks.world import SECRET, Receiver, World, receiving, with_secret
from tuneloop.emulator import Progress
from tuneloop.providers.base import Provider
from tuneloop.providers.bfl.client import BflProvider

TROUBLES: dict[str, dict[str, Any]] = {
    "well": {},
    "ten times": {"webhook_copies": 10},
    "reordered": {"webhook_reverse_s": 0.3},
    "late": {"webhook_delay_s": 0.5},
    "forged": {"webhook_forged": True},
    "before the submit's answer": {"webhook_early": True},
    "all of it": {"webhook_copies": 3, "webhook_reverse_s": 0.3, "webhook_forged": True, "webhook_early": True},
    "signed": {"webhook_auth": "signature"},
    "naming no job": {"webhook_names_job": False},
}


def calling(world: World, receiver: Receiver) -> Provider:
    """A client whose trainings the receiver is called about."""
    if world.name == "segmind":
        world.emulator.webhook(receiver.address)
        return world.provider
    hook = (receiver.address, SECRET)
    return BflProvider(world.emulator.api_key, base_url=world.emulator.url, webhook=hook)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_ledger_ends_the_same_however_the_provider_calls(world: World, trouble: str) -> None:
    world = with_secret(world) if world.name == "bfl" else world
    world.emulator.switch(**TROUBLES[trouble])
    world.emulator.progress(Progress.after_seconds(0.3))
    with receiving(world) as receiver:
        run, _ = world.submitted(provider=calling(world, receiver))
        wait_until("the provider has called", lambda: bool(world.emulator.deliveries()))
        if "early" not in str(TROUBLES[trouble]):
            wait_until("the end is recorded", lambda: world.states(run)[-1] == "trained")
        statuses = {(delivery.kind == "forged", delivery.status) for delivery in world.emulator.deliveries()}
    # Whoever forges a call of an account with a secret does not know it.
    assert statuses <= {(False, 200), (True, 401 if world.secret else 200)}
    wait_until("the training has ended", lambda: world.emulator.jobs()[0].status in {"AVAILABLE", "Ready"})
    world.tick()  # as the schedule does
    assert world.states(run) == ["claimed", "submitted", "trained"]
    assert world.woken == {run.flow_run}


@only_segmind
def test_sample_of_the_console_is_answered_with_200(world: World) -> None:
    with receiving(world) as receiver:
        calling(world, receiver)
        assert world.emulator.send_sample().status == 200

"""What the Prefect server adds to the metrics of a store: limits of accounts, and the sensor's last tick."""

from __future__ import annotations

import pytest
from prefect.client.orchestration import get_client

from tests.cli.test_metrics import read
from tests.flows.bill import Bill
from tests.flows.runs import nudge_sensor, sensor_paused
from tests.flows.shop import Shop
from tests.flows.test_commands import tuneloop
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.orchestration.sensor_runs import last_tick


@pytest.mark.long
def test_limits_of_accounts_and_the_last_tick_are_among_the_metrics_of_a_block(stack: Stack, shop: Shop) -> None:
    with get_client(sync_client=True) as client:
        if last_tick(client, stack.store_slug) is None:
            nudge_sensor()
    with sensor_paused():
        bill = Bill(stack.emulator)
        done = tuneloop(stack, "metrics", "--store", stack.store_slug)
        assert (done.returncode, done.stderr, bill.paths) == (0, "", [])
    found = read(done.stdout)
    (tick,) = found["tuneloop_sensor_last_tick_timestamp_seconds"].values()
    assert 0 < now().timestamp() - tick < 3600
    account = (stack.store_slug, "segmind", f"segmind.{shop.name}")
    assert found["tuneloop_trainings_today_limit"][account] == 20
    assert account not in found["tuneloop_spending_limit_dollars"]

    # No sensor watches the other store, which is worth a look.
    found = read(tuneloop(stack, "metrics", "--store", shop.store).stdout)
    assert found["tuneloop_sensor_last_tick_timestamp_seconds"] == {}
    assert found["tuneloop_problems"][shop.store,] >= 1

"""Any sequence of calls, true or false, leaves the ledger as the provider's API says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.world import PATH, Receiver, World, eventually, receiving, truth
from tuneloop.emulator import Progress
from tuneloop.ledger.training import read_training
from tuneloop.schemas.records import RunRecord
from tuneloop.sensor.poll import poll_all

WORDS = st.sampled_from(["AVAILABLE", "FAILED", "TRAINING_COMPLETED", "Ready", "Error", "Pending", "?"])
CALLS = st.fixed_dictionaries(
    {
        "about": st.sampled_from(["mine", "my name", "the other", "nobody", "nothing", "garbage"]),
        "says": WORDS,
        "event": st.sampled_from([None, "evt-1", "evt-2"]),
        "times": st.sampled_from([1, 2, 10]),
        "path": st.sampled_from([PATH, PATH, PATH, "wrong"]),
    }
)
STEPS = st.lists(CALLS | st.sampled_from(["trained", "failed"]), max_size=6)


def call(world: World, receiver: Receiver, step: dict[str, Any], jobs: dict[str, str], run: RunRecord) -> str:
    """Call, and return what was sent."""
    body: Any = truth(world, jobs.get(step["about"], "nobody"), step["says"], step["event"])
    if step["about"] == "my name":
        body = {"name": f"{run.key[:16]}-g1", "status": step["says"]}
    elif step["about"] == "nothing":
        body = {"event": step["says"]}
    elif step["about"] == "garbage":
        body = json.dumps(body).encode()[:-1]
    for _ in range(step["times"]):
        assert receiver.post(body, path=step["path"]) == (200 if step["path"] == PATH else 404)
    return repr(body)


def told_truly(step: Any) -> bool:
    """Tell whether a call names the training, so that its end must be found without the sensor."""
    return isinstance(step, dict) and step["path"] == PATH and step["about"] in {"mine", "my name"}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_any_sequence_of_calls_leaves_the_ledger_as_the_provider_says(world: World, steps: list[Any]) -> None:
    world.emulator.progress(Progress.after_seconds(3600))
    run, job_id = world.submitted()
    other, other_id = world.submitted()
    jobs, truths = {"mine": job_id, "the other": other_id}, "submitted"
    sent, owed = set(), False
    with receiving(world) as receiver:
        for step in steps:
            if isinstance(step, dict):
                body = call(world, receiver, step, jobs, run)
                # A body that was sent before is the same call, and may be done with.
                owed |= truths != "submitted" and told_truly(step) and step["event"] is None and body not in sent
                sent.add(body)
            elif truths == "submitted":
                truths = step
                if step == "failed":
                    world.emulator.fail_job(job_id, "GPU overloaded")
                else:
                    world.emulator.progress(Progress.at_once())
            assert world.states(run)[-1] in {"submitted", truths}
        if owed:
            eventually("the end is recorded", lambda: world.states(run)[-1] == truths)
        world.follow_all()
    poll_all(world.ledger, lambda _: world.provider)
    ended = [] if truths == "submitted" else [truths]
    assert world.states(run) == ["claimed", "submitted", *ended]
    # The other one has ended only where everything has.
    assert world.states(other) == ["claimed", "submitted", *(ended if truths == "trained" else [])]
    for training, expected in ((run, job_id), (other, other_id)):
        assert read_training(world.ledger, training.key, 1).job_id == expected
        world.ledger.unmark(training)

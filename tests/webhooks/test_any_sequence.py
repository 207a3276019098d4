"""Any sequence of calls, true or false, leaves the ledger as the provider's API says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.world import PATH, Receiver, World, receiving, truth
from tuneloop.emulator import Progress
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import RunRecord

WORDS = st.sampled_from(["AVAILABLE", "FAILED", "TRAINING_COMPLETED", "Ready", "Error", "Pending", "?"])
CALLS = st.fixed_dictionaries(
    {
        "about": st.sampled_from(["mine", "my name", "the other", "nobody", "nothing", "garbage"]),
        "says": WORDS,
        "times": st.sampled_from([1, 2, 10]),
        "path": st.sampled_from([PATH, PATH, PATH, "wrong"]),
    }
)
STEPS = st.lists(CALLS | st.sampled_from(["trained", "failed"]), max_size=6)


def call(world: World, receiver: Receiver, step: dict[str, Any], jobs: dict[str, str], run: RunRecord) -> None:
    body: Any = truth(world, jobs.get(step["about"], "nobody"), step["says"])
    if step["about"] == "my name":
        body = {"name": f"{run.key[:16]}-g1", "status": step["says"]}
    elif step["about"] == "nothing":
        body = {"event": step["says"]}
    elif step["about"] == "garbage":
        body = json.dumps(body).encode()[:-1]
    for _ in range(step["times"]):
        assert receiver.post(body, path=step["path"]) == (200 if step["path"] == PATH else 404)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_any_sequence_of_calls_leaves_the_ledger_as_the_provider_says(world: World, steps: list[Any]) -> None:
    world.emulator.progress(Progress.after_seconds(3600))
    run, job_id = world.submitted()
    other, other_id = world.submitted()
    jobs, truths = {"mine": job_id, "the other": other_id}, "submitted"
    with receiving(world) as receiver:
        for step in steps:
            if isinstance(step, dict):
                call(world, receiver, step, jobs, run)
            elif truths == "submitted":
                truths = step
                if step == "failed":
                    world.emulator.fail_job(job_id, "GPU overloaded")
                else:
                    world.emulator.progress(Progress.at_once())
            assert world.states(run)[-1] in {"submitted", truths}
    world.tick()
    ended = [] if truths == "submitted" else [truths]
    assert world.states(run) == ["claimed", "submitted", *ended]
    # The other one has ended only where everything has.
    assert world.states(other) == ["claimed", "submitted", *(ended if truths == "trained" else [])]
    for training, expected in ((run, job_id), (other, other_id)):
        assert TrainingLog(world.ledger, training.key, 1).job_id == expected
        world.ledger.unmark(training)

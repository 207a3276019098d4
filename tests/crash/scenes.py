"""What happens to the world around a case: servers die, stores vanish, clocks are off, others come along."""

from __future__ import annotations

from pydantic import SecretStr

from blocks.segmind_credentials import SegmindCredentials
from tests.crash.lane import SENSOR, Lane
from tests.crash.stage import Stage
from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import Progress

OFF_S = 1500.0
"""By how much a clock is off: longer than all margins of a submit in doubt."""


def kill_server(lane: Lane) -> None:
    """Kill the Prefect server under a process that runs; it is started again once that has ended."""
    lane.here.process.kill()


def server_dies_between(stage: Stage) -> None:
    """Kill the server while nothing runs, and start it again."""
    stage.lane.here.process.kill()
    stage.lane.here.process.revive()


def unmount(lane: Lane) -> None:
    """Leave an empty mount point under a process that runs."""
    lane.folder.vanish()


def mount(lane: Lane) -> None:
    """Bring the store back."""
    lane.folder.come_back()


def store_is_away(stage: Stage) -> None:
    """Look, and run again on the same images, while the mount point is empty."""
    stage.lane.folder.vanish()
    run = stage.schedule()
    stage.schedule(SENSOR)
    stage.work()
    stage.lane.folder.come_back()
    stage.expect_stop(run, "while the store was away")


def clock_is_slow(stage: Stage) -> None:
    """Let the next processes live in the past."""
    stage.lane.clock_off_s = -OFF_S


def clock_is_fast(stage: Stage) -> None:
    """Let the next processes live in the future."""
    stage.lane.clock_off_s = OFF_S


def clock_is_right_again(stage: Stage) -> None:
    """What ran with a wrong clock has stopped; put it right, and let the schedule come round."""
    stage.expect_stop(stage.first, "with a wrong clock")
    stage.lane.clock_off_s = 0.0
    stage.schedule()


def host_with_a_fast_clock(stage: Stage) -> None:
    """Another host, for which all margins have passed, wants the same."""
    stage.lane.clock_off_s = OFF_S
    run = stage.schedule()
    stage.work()
    stage.lane.clock_off_s = 0.0
    stage.expect_stop(run, "on a host with a fast clock")


def another_server(stage: Stage) -> None:
    """A second Prefect server knows the same store and account: it looks, and runs the same."""
    other = stage.lane.elsewhere
    run = stage.schedule(server=other)
    stage.schedule(SENSOR, server=other)
    stage.work(other)
    stage.expect_stop(run, "on a second Prefect server", other)


def another_store(stage: Stage) -> None:
    """The same account is to train the same into a second store, which is not told of."""
    run = stage.schedule(store=stage.lane.stores["second"].slug)
    stage.work()
    stage.expect_stop(run, "in a second store of the account")


def move_to_another_store(stage: Stage) -> None:
    """A person lets the account train into the second store: the same is found there, and not paid again."""
    stage.lane.store = "second"
    stage.lane.inits("second")
    stage.schedule()
    stage.work()


def another_account(stage: Stage) -> None:
    """A second block of the same label leads to another account, which has none of the jobs of the first one."""
    stage.schedule(credentials=stage.lane.accounts["twin"].slug)
    stage.work()


def another_address(stage: Stage) -> None:
    """A second block of the same label names another address."""
    lane = stage.lane
    with lane.here.process.in_force():
        block = SegmindCredentials(
            api_key=SecretStr(lane.emulator.api_key), base_url="https://segmind.example", account=lane.name
        )
        block.save(f"{lane.name}-far", overwrite=True)
    run = stage.schedule(credentials=f"segmind-credentials/{lane.name}-far")
    stage.work()
    stage.expect_stop(run, "with another address under the same label")


def trained_elsewhere(stage: Stage) -> None:
    """The provider has a model that nobody here knows."""
    emulator = stage.lane.emulator
    emulator.progress(Progress.at_once())
    stage.adopt(Caller(emulator).train(name="made-elsewhere"))
    stage.lane.foreign_submits += 1


def cancelled_run_is_deleted(stage: Stage) -> None:
    """A person cancels the run; the sensor looks; the run is deleted from Prefect."""
    stage.lane.here.cancel(stage.first)
    stage.schedule(SENSOR)
    stage.work()
    stage.lane.here.client.delete_flow_run(stage.first)


def others_train(stage: Stage) -> None:
    """Somebody else trains on the same account, and pushes what is ours from the list's only page."""
    caller = Caller(stage.lane.emulator)
    for number in range(2):
        caller.train(name=f"somebody-{number}")
        stage.lane.foreign_submits += 1


def fails_and_revives(stage: Stage) -> None:
    """The training fails, which is written down, and then runs again at the provider."""
    emulator = stage.lane.emulator
    for job in emulator.jobs():
        emulator.fail_job(job.id, "CUDA out of memory")
    stage.schedule(SENSOR)
    stage.work()
    for job in emulator.jobs():
        emulator.revive_job(job.id, "RETRIED")


def own_row_is_odd(stage: Stage) -> None:
    """The row of our own job cannot be read for one look of the sensor, and then it can."""
    emulator = stage.lane.emulator
    for job in emulator.jobs():
        emulator.show_job(job.id, status=None, error_message=["no", "words"])
    stage.schedule(SENSOR)
    stage.work()
    for job in emulator.jobs():
        emulator.show_job(job.id)

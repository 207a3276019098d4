"""What happens at the provider and to the clock while a case is played, when nobody is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.crash.points import Kill
from tuneloop.emulator import EmulatorControl, Fault, Progress

_LONG_S = 3700.0
"""Longer than a stage of a slow training, than all margins of a submit in doubt, and than the hour after which
the sensor starts another run for the same gone one."""
_A_DAY_S = 90_000.0
"""After so long the sensor closes what was marked and never claimed."""
_USUAL_S = (_LONG_S, _LONG_S, _LONG_S, _LONG_S, _A_DAY_S, _LONG_S)
_SUBMIT = "/finetune/request/submit"
_SLOW = Progress.after_seconds(REQUESTED=3600.0, INFERENCE_QUEUED=3600.0)
"""A training that takes an hour, and whose model takes another hour until it renders."""


def _fail_the_training(emulator: EmulatorControl) -> None:
    for job in emulator.jobs():
        if job.status == "REQUESTED":
            emulator.fail_job(job.id, "loss is NaN")


@dataclass(frozen=True)
class Story:
    """See the module.

    Attributes:
        name: Part of the ids of its cases.
        progress: How trainings move on.
        faults: What goes wrong on the line, from the start.
        switches: How the provider misbehaves, from the start until `straighten_after` looks of the sensor.
        steps_s: How much time passes before each look of the sensor; the last one goes on for ever.
        straighten_after: When the switches are set back.
        parameters: Parameters of the run beside the usual ones.
        after_champion: The model has a champion already.
        kills: Where its own processes die, for the sensor to see to.
        cancel: A person cancels the sleeping run before the first look of the sensor.
        mishap: What happens to the trainings in flight before the first look of the sensor.
    """

    name: str
    progress: Progress = field(default_factory=Progress.at_once)
    faults: tuple[Fault, ...] = ()
    switches: dict[str, Any] = field(default_factory=dict)
    steps_s: tuple[float, ...] = _USUAL_S
    straighten_after: int = 2
    parameters: dict[str, Any] = field(default_factory=dict)
    after_champion: bool = False
    kills: dict[str, Kill] = field(default_factory=dict)
    cancel: bool = False
    mishap: Callable[[EmulatorControl], None] | None = None


STRAIGHT = Story("straight", parameters={"visibility": "private"})
"""Every answer comes, and the training is at its end when it is first looked at: one process does everything."""
SLEEPING = Story("sleeping", progress=_SLOW)
"""The run is suspended for the training and again for the deployment; the sensor wakes it."""
CHALLENGER = Story("challenger", after_champion=True)
"""A champion reigns: both are rendered."""
LOST_ANSWER = Story(
    "lost-answer",
    faults=(Fault("cut_after_effect", _SUBMIT),),
    switches={"list_lag_s": 290.0},
    steps_s=(600.0, *_USUAL_S),
)
"""The submit is accepted, its answer is lost, and the list does not show the job yet: the sensor finds it."""
LOST_REQUEST = Story("lost-request", faults=(Fault("cut_before_effect", _SUBMIT),))
"""The submit never arrives, which nobody can know: it is claimed again after every margin."""
REFUSED = Story("refused", faults=(Fault("refuse", _SUBMIT, status=406, reason="parameter"),))
"""The submit is refused, and the next run tries the next generation."""
FAILED = Story("failed", progress=_SLOW, mishap=_fail_the_training)
"""The training fails at the provider, and the next run tries the next generation."""
SALVAGED = Story(
    "salvaged",
    progress=_SLOW,
    kills={"run 1": Kill(name="before prefect POST /flow_runs/<id>/set_state Suspended #1")},
)
"""The run dies while its training goes on, and nobody but the sensor sees to it."""
CANCELLED = Story("cancelled", progress=_SLOW, cancel=True)
"""A person cancels the run while its training goes on: it is collected, and not judged."""

STORIES = (STRAIGHT, SLEEPING, CHALLENGER, LOST_ANSWER, LOST_REQUEST, REFUSED, FAILED, SALVAGED, CANCELLED)
"""All that are recorded for points of I/O, the plainest first."""

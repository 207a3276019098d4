"""What happens at the provider and to the clock while a case is played, when nobody is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.crash import scenes
from tests.crash.lane import ADOPT, COMPARE, RETRAIN, Gate
from tests.crash.points import Kill
from tests.crash.stage import Scene
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.providers.replicate.recipes import ReplicateFluxLoraRecipe

Mood = Literal["truth", "reject"]
"""How a person answers a form: as the provider's own books say (and else with yes), or with no."""

_LONG_S = 3700.0
"""Longer than a stage of a slow training, than all margins of a submit in doubt, and than the hour after which
the sensor starts another run for the same gone one."""
_A_DAY_S = 90_000.0
"""After so long the sensor closes what was marked and never claimed."""
_USUAL_S = (_LONG_S, _LONG_S, _LONG_S, _LONG_S, _A_DAY_S, _LONG_S, _A_DAY_S)
SUBMIT = "/finetune/request/submit"
SLOW = Progress.after_seconds(REQUESTED=3600.0, INFERENCE_QUEUED=3600.0)
"""A training that takes an hour, and whose model takes another hour until it renders."""
BFL_RUN: dict[str, Any] = {
    "recipe": {"trainer": "bfl-finetune", "mode": "product", "trigger_word": "ROBOX", "iterations": 100},
}
FAL_SUBMIT = "/fal-ai/flux-lora-fast-training"
FAL_RUN: dict[str, Any] = {"recipe": {"trainer": "fal-flux-lora", "trigger_word": "ROBOX", "steps": 100}}
REPLICATE_SUBMIT = (
    f"/v1/models/{ReplicateFluxLoraRecipe.trained_on}/versions/{ReplicateFluxLoraRecipe.version}/trainings"
)
REPLICATE_RUN: dict[str, Any] = {
    "recipe": {"trainer": "replicate-flux-lora", "trigger_word": "ROBOX", "steps": 100}
}


def fail_the_training(emulator: EmulatorControl) -> None:
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
        fallback: A second recipe, for the same account.
        recipes: Those that are compared, all by the same account.
        after_champion: The model has a champion already.
        kills: Where its own processes die, for the sensor to see to.
        judges_nothing: A person has cancelled, so that nothing is judged before the schedule comes round.
        cancel: A person cancels the sleeping run before the first look of the sensor.
        mishap: What happens to the trainings in flight before the first look of the sensor.
        flow: What is started.
        store: Role of the lane's store that it is played on.
        account: Role of the lane's account that pays.
        besides: Roles of other stores and accounts that it needs.
        limits: What the account may spend, None for whatever it likes.
        person: How a person answers, form by form; the last one goes on for ever.
        images_differ: Runs that start at once have a model and images each.
        gates: Where its processes wait while something happens, by role and number.
        opening: What happens before the first run is started.
        beside: What happens after the first runs, before the first look of the sensor.
        afterwards: What happens once everything is at its end.
    """

    name: str
    progress: Progress = field(default_factory=Progress.at_once)
    faults: tuple[Fault, ...] = ()
    switches: dict[str, Any] = field(default_factory=dict)
    steps_s: tuple[float, ...] = _USUAL_S
    straighten_after: int = 2
    parameters: dict[str, Any] = field(default_factory=dict)
    fallback: dict[str, Any] | None = None
    recipes: tuple[dict[str, Any], ...] = ()
    after_champion: bool = False
    kills: dict[str, Kill] = field(default_factory=dict)
    judges_nothing: bool = False
    cancel: bool = False
    mishap: Callable[[EmulatorControl], None] | None = None
    flow: str = RETRAIN
    store: str = "folder"
    account: str = "segmind"
    besides: tuple[str, ...] = ()
    limits: SpendingGuard | None = None
    person: tuple[Mood, ...] = ("truth",)
    images_differ: bool = False
    gates: dict[str, Gate] = field(default_factory=dict)
    opening: Scene | None = None
    beside: Scene | None = None
    afterwards: Scene | None = None


STRAIGHT = Story("straight", parameters={"visibility": "private"})
"""Every answer comes, and the training is at its end when it is first looked at: one process does everything."""
SLEEPING = Story("sleeping", progress=SLOW)
"""The run is suspended for the training and again for the deployment; the sensor wakes it."""
CHALLENGER = Story("challenger", after_champion=True)
"""A champion reigns: both are rendered."""
LOST_ANSWER = Story(
    "lost-answer",
    faults=(Fault("cut_after_effect", SUBMIT),),
    switches={"list_lag_s": 290.0},
    steps_s=(600.0, *_USUAL_S),
)
"""The submit is accepted, its answer is lost, and the list does not show the job yet: the sensor finds it."""
LOST_REQUEST = Story("lost-request", faults=(Fault("cut_before_effect", SUBMIT),))
"""The submit never arrives, which nobody can know: it is claimed again after every margin."""
REFUSED = Story("refused", faults=(Fault("refuse", SUBMIT, status=406, reason="parameter"),))
"""The submit is refused, and the next run tries the next attempt."""
FAILED = Story("failed", progress=SLOW, mishap=fail_the_training)
"""The training fails at the provider, and the next run tries the next attempt."""
SALVAGED = Story(
    "salvaged",
    progress=SLOW,
    kills={"run 1": Kill(name="before prefect POST /flow_runs/<id>/set_state Suspended #1")},
)
"""The run dies while its training goes on, and nobody but the sensor sees to it."""
CANCELLED = Story("cancelled", progress=SLOW, cancel=True, judges_nothing=True)
"""A person cancels the run while its training goes on: it is collected, and not judged."""

NOTHING_LEFT = SpendingGuard(trainings_per_day=0)

HELD = Story("held", limits=NOTHING_LEFT)
"""The account may spend nothing: a person approves."""
BFL = Story("bfl", account="bfl", parameters=BFL_RUN, progress=Progress.after_seconds(3600))
"""The other provider: the dataset goes with the submit, the weights stay there, and its list proves nothing."""
FAL = Story("fal", account="fal", parameters=FAL_RUN, progress=Progress.after_seconds(3600))
"""A queue: jobs are known by their zip's name, from a list that shows them once they are started."""
REPLICATE = Story(
    "replicate", account="replicate", parameters=REPLICATE_RUN, progress=Progress.after_seconds(3600)
)
"""A destination that is made first, weights within an archive, and a list of everything."""
FAL_CANCELLED = replace(FAL, name="fal-cancelled", cancel=True, judges_nothing=True, person=("reject",))
"""A person cancels the run, and the provider stops its job: what it has billed by then nobody knows."""
FAILOVER = Story(
    "failover",
    faults=(Fault("refuse", SUBMIT, "POST", status=410),),
    fallback={"trainer": "qwen-lora", "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"},
)
"""The first trainer refuses, and would take the next attempt: one of the two is paid, never both."""
COMPARED = Story(
    "compared",
    flow=COMPARE,
    progress=SLOW,
    recipes=tuple(
        {"trainer": trainer, "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"}
        for trainer in ("flux-lora", "qwen-lora")
    ),
    parameters={
        "name": "crash",
        "budget": 9,
        "prompts": ["a photo of {trigger}"],
        "seeds": [1],
        "gate": {"max_copies": 1},
    },
    limits=SpendingGuard(trainings_per_day=None, dollars_per_training=4, dollars_per_image=0.05),
)
"""Two trainings side by side in one run: each is paid once, and a person promotes one of them."""
S3 = Story("s3", store="s3")
"""A store in S3."""
ADOPTED = Story("adopted", flow=ADOPT, opening=scenes.trained_elsewhere)
"""A model that was trained elsewhere is taken in."""

STORIES = (STRAIGHT, SLEEPING, CHALLENGER, LOST_ANSWER, LOST_REQUEST, REFUSED, FAILED, SALVAGED, CANCELLED, HELD)
"""All that are recorded for points of I/O, the plainest first."""
BESIDES = (BFL, FAL, FAL_CANCELLED, REPLICATE, FAILOVER, COMPARED, S3, ADOPTED)
"""Other worlds than a Segmind account and a folder; they are recorded as well."""

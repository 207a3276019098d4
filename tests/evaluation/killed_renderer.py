"""Renders a plan in a process of its own, and kills that where it is told to: see `test_killed_rendering`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tuneloop.budget import Budget
from tuneloop.evaluation.render import Subject, render
from tuneloop.ledger import Ledger
from tuneloop.providers.bfl import BflProvider
from tuneloop.providers.segmind import SegmindProvider
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.values.evaluation import Evaluation
from tuneloop.values.frozen import Frozen
from tuneloop.values.plan import EvaluationPlan
from tuneloop.values.records import RunFile
from tuneloop.values.spending import Limits

CLIENTS: dict[str, type[SegmindProvider | BflProvider]] = {"segmind": SegmindProvider, "bfl": BflProvider}
CENTS = 3


class Scene(Frozen):
    """Everything that a renderer needs to know."""

    provider: str
    url: str
    key: str
    folder: Path
    job_id: str
    run: RunFile
    plan: EvaluationPlan


class Deadly(LocalDirectory):
    """A store that kills its process just before or after a name is created.

    Args:
        folder: Where the store is.
        point: Such as `before renders/ 2`: the second time that something below `renders/` is created.
    """

    def __init__(self, folder: Path, point: str) -> None:
        super().__init__(folder)
        self._when, self._what, number = point.split()
        self._left = int(number)

    def create(self, name: str, data: bytes) -> bool:
        hit = self._what in name
        self._left -= hit
        if hit and not self._left and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().create(name, data)
        if hit and not self._left and self._when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def rendered(scene: Scene, store: LocalDirectory) -> Evaluation:
    """Render the scene, and count its price into the budget."""
    provider = CLIENTS[scene.provider](scene.key, base_url=scene.url)
    budget = Budget(Ledger(store), provider.account, Limits(cents_per_picture=CENTS))
    return render(
        store,
        provider,
        Subject("robot-1", scene.job_id, "ROBOX"),
        scene.plan,
        reserve=lambda missing: budget.reserve_pictures(scene.run, missing, scene.plan.service),
    )


if __name__ == "__main__":
    told = Scene.model_validate_json(sys.stdin.read())
    rendered(told, Deadly(told.folder, sys.argv[1]))

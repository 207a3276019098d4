"""Renders a plan in a process of its own, and kills that where it is told to: see `test_killed_rendering`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.deadly import make_deadly
from tuneloop.evaluation.render import Subject, render
from tuneloop.image_budget import ImageBudget
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


def rendered(scene: Scene, store: LocalDirectory) -> Evaluation:
    """Render the scene, and count its price into the budget."""
    provider = CLIENTS[scene.provider](scene.key, base_url=scene.url)
    budget = ImageBudget(Ledger(store), provider.account, Limits(cents_per_picture=CENTS))
    return render(
        store,
        provider,
        Subject("robot-1", scene.job_id, "ROBOX"),
        scene.plan,
        reserve=lambda missing: budget.reserve_pictures(scene.run, missing, scene.plan.service),
    )


if __name__ == "__main__":
    told = Scene.model_validate_json(sys.stdin.read())
    artifacts = LocalDirectory(told.folder)
    make_deadly(artifacts, sys.argv[1])
    rendered(told, artifacts)

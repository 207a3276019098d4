"""Renders a plan in a process of its own, and kills that where it is told to: see `test_killed_rendering`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.deadly import make_deadly
from tuneloop.evaluation.render import ModelUnderTest, render
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import Purpose, SpendingLimits
from tuneloop.storage.local import LocalDirectory

CLIENTS: dict[str, type[SegmindProvider | BflProvider]] = {"segmind": SegmindProvider, "bfl": BflProvider}
CENTS = 3


class Scene(FrozenModel):
    """Everything that a renderer needs to know."""

    provider: str
    url: str
    key: str
    folder: Path
    job_id: str
    run: RunRecord
    plan: EvaluationConfig


def rendered(scene: Scene, store: LocalDirectory) -> Evaluation:
    """Render the scene, and count its price into the budget."""
    provider = CLIENTS[scene.provider](scene.key, base_url=scene.url)
    budget = Budget(Ledger(store), provider.account, SpendingLimits(cents_per_image=CENTS))
    return render(
        store,
        provider,
        ModelUnderTest("robot-1", scene.job_id, "ROBOX"),
        scene.plan,
        reserve=lambda missing: budget.reserve_images(Purpose.of(scene.run), missing, scene.plan.service),
    )


if __name__ == "__main__":
    told = Scene.model_validate_json(sys.stdin.read())
    artifacts = LocalDirectory(told.folder)
    make_deadly(artifacts, sys.argv[1])
    rendered(told, artifacts)

"""What the benchmark of the gate draws, and what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.gate.__main__ import _document
from benchmarks.gate.datasets import IMAGES, draw_dataset
from benchmarks.gate.gates import Tally, plan_by_lot
from benchmarks.gate.kinds import KINDS
from benchmarks.gate.models import contestants
from benchmarks.gate.passed_off import DISGUISES, passed_off
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD, find_nearest
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.training_set import analyze_dataset
from tuneloop.evaluation.render import blank_reason
from tuneloop.schemas.evaluation import GateResult

pytestmark = pytest.mark.long  # it draws hundreds of images


@pytest.mark.parametrize("kind", KINDS)
def test_dataset_is_the_same_each_time_and_another_lot_is_another_one(kind: str, tmp_path: Path) -> None:
    one, same, other = (
        [file.read_bytes() for file in draw_dataset(kind, lot, tmp_path / name)]
        for name, lot in (("one", 3), ("same", 3), ("other", 4))
    )
    assert one == same
    assert not set(one) & set(other)
    assert len(set(one)) == IMAGES
    assert not any(blank_reason(data) for data in one)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_training_image_in_disguise_is_found(disguise: str, tmp_path: Path) -> None:
    files = draw_dataset("creature", 5, tmp_path / "creature")[:4]
    looks = {file.name: ScoringImage.decode(file.read_bytes()) for file in files}
    copy = passed_off(files[2], disguise, np.random.default_rng(1), 320)
    found = find_nearest(ScoringImage.decode(copy), analyze_dataset(list(looks), looks.__getitem__))
    assert (found.name, found.share >= COPY_THRESHOLD) == (files[2].name, True)


def test_models_that_copy_do_so_in_some_of_any_plan_at_least(tmp_path: Path) -> None:
    files = []
    for number in range(IMAGES):
        files.append(tmp_path / f"{number:02d}.png")
        Image.new("RGB", (8, 8)).save(files[-1])
    models = contestants(files, tmp_path)
    assert not any(model.copies for group in ("equal", "regression") for model in models[group])
    for model in models["copy"]:
        plans = (plan_by_lot(np.random.default_rng(seed)) for seed in range(20))
        assert sum(any(model.is_copy(*place) for place in plan) for plan in plans) > 10, model.kind


def test_figures_are_counted_by_group() -> None:
    def tally(group: str, verdict: str, why: str = "") -> Tally:
        counted = Tally(group)
        counted.add(GateResult.model_validate({"verdict": verdict, "reason": why, "rule": "", "scores": {}}))
        return counted

    tallies = {
        ("a", "equal"): tally("equal", "promote"),
        ("b", "equal"): tally("equal", "undecided"),
        ("a", "worse"): tally("regression", "reject"),
        ("b", "worse"): tally("regression", "undecided"),
        ("a", "by heart"): tally("copy", "reject", "1 of 6 images copy a training image; …"),
        ("b", "by heart"): tally("copy", "reject", "The challenger is worse"),
    }
    assert _document(tallies) == {
        "gates": 6,
        "aa_false_promotion_rate": 0.5,
        "stated_rate": 0.05,
        "regressions_planted": 2,
        "regressions_caught": 1,
        "stated_power": 0.85,
        "copies_planted": 2,
        "copies_blocked": 1,
    }

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.evaluation.metrics.drawn import PROMPTS, SEEDS, drawn, encoded
from tuneloop.errors import DatasetError
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.image_metrics import METRICS
from tuneloop.evaluation.metrics.training_set import TrainingSet, analyze_dataset
from tuneloop.evaluation.scores import score_evaluation
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, ScoreWeights


def means(looks: dict[str, list[ScoringImage]], training: TrainingSet) -> dict[str, float]:
    return {
        name: float(np.mean([metric(group, training) for group in looks.values()]))
        for name, metric in METRICS.items()
    }


def changed(looks: dict[str, list[ScoringImage]], change: str) -> dict[str, list[ScoringImage]]:
    return {
        prompt: [ScoringImage.decode(encoded(CHANGES[change](look))) for look in group]
        for prompt, group in looks.items()
    }


def _grainy(look: ScoringImage) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 25, look.pixels.shape)
    return Image.fromarray((look.pixels + noise).clip(0, 255).astype(np.uint8))


def _burnt(look: ScoringImage) -> Image.Image:
    return Image.fromarray(((look.pixels - 127.5) * 3 + 127.5).clip(0, 255).astype(np.uint8))


CHANGES: dict[str, Callable[[ScoringImage], Image.Image]] = {
    "blurred": lambda look: Image.fromarray(look.pixels).filter(ImageFilter.GaussianBlur(4)),
    "grainy": _grainy,
    "pale": lambda look: Image.fromarray((look.pixels * 0.2 + 120).astype(np.uint8)),
    "burnt": _burnt,
    "other colors": lambda look: Image.fromarray(look.pixels[:, :, ::-1].copy()),
}
TOLD_BY = {
    "blurred": "sharpness",
    "grainy": "low_noise",
    "pale": "exposure",
    "burnt": "exposure",
    "other colors": "color_similarity",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_wrong_with_images_lowers_the_score_that_is_named_for_it(
    change: str, archive: Path, training: TrainingSet
) -> None:
    good = drawn(archive)
    before, after = means(good, training), means(changed(good, change), training)
    assert after[TOLD_BY[change]] < before[TOLD_BY[change]] - 0.05


def test_grain_does_not_pass_for_sharpness(archive: Path, training: TrainingSet) -> None:
    good = drawn(archive)
    assert means(changed(good, "grainy"), training)["sharpness"] <= means(good, training)["sharpness"] + 0.03


def test_model_that_was_trained_too_little_scores_lower(archive: Path, training: TrainingSet) -> None:
    good, poor = means(drawn(archive), training), means(drawn(archive, 300), training)
    assert poor["low_noise"] < good["low_noise"] - 0.1
    assert poor["exposure"] < good["exposure"] - 0.1


def test_one_image_again_and_again_has_no_diversity(archive: Path, training: TrainingSet) -> None:
    varied = drawn(archive)
    same = {prompt: [group[0]] * 3 for prompt, group in varied.items()}
    assert means(same, training)["diversity"] == pytest.approx(0, abs=1e-6)
    assert means(varied, training)["diversity"] > 0.05


def test_nothing_is_said_of_the_diversity_of_a_single_image(archive: Path, training: TrainingSet) -> None:
    look = drawn(archive)[PROMPTS[0]][0]
    evaluation = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    found = score_evaluation(evaluation, training, lambda _: look, edits=True)
    assert set(found.images[0].scores) == set(METRICS) - {"diversity"}


def test_images_are_scored_against_training_images_without_any_edge(archive: Path) -> None:
    flat = ScoringImage.decode(encoded(Image.new("RGB", (300, 200), (90, 90, 90))))
    found = means(drawn(archive), analyze_dataset(["flat"], lambda _: flat))
    assert all(0 <= value <= 1 for value in found.values())


def test_sixteen_bits_of_gray_are_seen_as_gray() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (256, 1))
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG")
    assert ScoringImage.decode(out.getvalue()).gray.mean() == pytest.approx(0.5, abs=0.01)


def test_training_images_themselves_score_high(images: dict[str, bytes], training: TrainingSet) -> None:
    found = means({"all": [ScoringImage.decode(data) for data in images.values()]}, training)
    assert found["sharpness"] > 0.95
    assert found["low_noise"] > 0.9
    assert found["hash_similarity"] == 1.0


def test_every_score_is_between_nought_and_one_for_odd_images(images: dict[str, bytes]) -> None:
    # Of one image: those of a very thin shape are looked at in every place of it where they would fit.
    training = analyze_dataset(list(images)[:1], lambda name: ScoringImage.decode(images[name]))
    odd = [
        Image.new("RGB", (1, 1), "white"),
        Image.new("RGB", (4000, 3), "red"),
        Image.new("L", (64, 64), 0),
        Image.effect_noise((300, 300), 90),
    ]
    looks = [ScoringImage.decode(encoded(image)) for image in odd]
    for name, metric in METRICS.items():
        assert all(0 <= value <= 1 for value in metric(looks, training)), name


def test_every_score_has_a_weight() -> None:
    assert set(METRICS) <= set(ScoreWeights.model_fields)


def test_nothing_can_be_compared_with_no_images() -> None:
    with pytest.raises(DatasetError, match="no training image"):
        analyze_dataset([], lambda name: ScoringImage.decode(name.encode()))


def test_images_are_scored_by_their_prompt_and_unusable_ones_are_left_alone(
    archive: Path, training: TrainingSet
) -> None:
    looks = drawn(archive)
    judged = [
        EvaluatedImage(prompt=prompt, seed=seed, name=f"{prompt}/{seed}", finding="blank" if seed == 2 else None)
        for prompt in PROMPTS
        for seed in SEEDS
    ]
    by_name = {f"{prompt}/{seed}": looks[prompt][at] for prompt in PROMPTS for at, seed in enumerate(SEEDS)}
    found = score_evaluation(Evaluation(job="j", images=tuple(judged)), training, by_name.__getitem__, edits=False)
    assert [(item.prompt, item.seed) for item in found.images] == [(item.prompt, item.seed) for item in judged]
    for item in found.images:
        assert bool(item.scores) == (item.seed != 2)
        assert (item.nearest is not None) == (item.seed != 2)

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tuneloop.demo.samples import copy_sample_images
from tuneloop.emulator.images.drawing import draw
from tuneloop.emulator.images.values import DrawRequest, Model
from tuneloop.errors import DatasetError
from tuneloop.evaluation.metrics.copying import COPY_THRESHOLD, nearest
from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.scored import scored
from tuneloop.evaluation.metrics.scorers import SCORERS
from tuneloop.evaluation.metrics.training_set import TrainingSet, study
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.gate import ScoreWeights

PROMPTS = ("a photo of ROBOX", "ROBOX on a beach at sunset")
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("samples")
    copy_sample_images(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".txt"}


@pytest.fixture(scope="module")
def training(images: dict[str, bytes]) -> TrainingSet:
    looks = {name: Look.at(data) for name, data in images.items()}
    return study(list(looks), looks.__getitem__)


@pytest.fixture(scope="module")
def archive(images: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "dataset.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number, (name, data) in enumerate(images.items(), 1):
            opened.writestr(f"{number:04d}{Path(name).suffix}", data)
    return path


def drawn(archive: Path, steps: int = 1000) -> dict[str, list[Look]]:
    trained = Model(archive, f"mark/{steps}", steps, 0.0004)
    return {
        prompt: [Look.at(draw(trained, DrawRequest(prompt, seed, 25, 1.0, 320, 320))) for seed in SEEDS]
        for prompt in PROMPTS
    }


def means(looks: dict[str, list[Look]], training: TrainingSet) -> dict[str, float]:
    return {
        scorer.name: float(np.mean([scorer.score(group, training) for group in looks.values()]))
        for scorer in SCORERS
    }


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def changed(looks: dict[str, list[Look]], change: str) -> dict[str, list[Look]]:
    return {prompt: [Look.at(encoded(CHANGES[change](look))) for look in group] for prompt, group in looks.items()}


def _grainy(look: Look) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 25, look.pixels.shape)
    return Image.fromarray((look.pixels + noise).clip(0, 255).astype(np.uint8))


def _burnt(look: Look) -> Image.Image:
    return Image.fromarray(((look.pixels - 127.5) * 3 + 127.5).clip(0, 255).astype(np.uint8))


CHANGES: dict[str, Callable[[Look], Image.Image]] = {
    "blurred": lambda look: Image.fromarray(look.pixels).filter(ImageFilter.GaussianBlur(4)),
    "grainy": _grainy,
    "pale": lambda look: Image.fromarray((look.pixels * 0.2 + 120).astype(np.uint8)),
    "burnt": _burnt,
    "other colors": lambda look: Image.fromarray(look.pixels[:, :, ::-1].copy()),
}
TOLD_BY = {
    "blurred": "sharpness",
    "grainy": "cleanness",
    "pale": "exposure",
    "burnt": "exposure",
    "other colors": "color",
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
    assert poor["cleanness"] < good["cleanness"] - 0.1
    assert poor["exposure"] < good["exposure"] - 0.1


def test_one_image_again_and_again_has_no_diversity(archive: Path, training: TrainingSet) -> None:
    varied = drawn(archive)
    same = {prompt: [group[0]] * 3 for prompt, group in varied.items()}
    assert means(same, training)["diversity"] == pytest.approx(0, abs=1e-6)
    assert means(varied, training)["diversity"] > 0.05


def test_nothing_is_said_of_the_diversity_of_a_single_image(archive: Path, training: TrainingSet) -> None:
    look = drawn(archive)[PROMPTS[0]][0]
    evaluation = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    found = scored(evaluation, training, lambda _: look, edits=True)
    assert set(found.images[0].scores) == {scorer.name for scorer in SCORERS} - {"diversity"}


def test_images_are_scored_against_training_images_without_any_edge(archive: Path) -> None:
    flat = Look.at(encoded(Image.new("RGB", (300, 200), (90, 90, 90))))
    found = means(drawn(archive), study(["flat"], lambda _: flat))
    assert all(0 <= value <= 1 for value in found.values())


def test_sixteen_bits_of_gray_are_seen_as_gray() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (256, 1))
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG")
    assert Look.at(out.getvalue()).gray.mean() == pytest.approx(0.5, abs=0.01)


def test_training_images_themselves_score_high(images: dict[str, bytes], training: TrainingSet) -> None:
    found = means({"all": [Look.at(data) for data in images.values()]}, training)
    assert found["sharpness"] > 0.95
    assert found["cleanness"] > 0.9
    assert found["resemblance"] == 1.0


def test_every_score_is_between_nought_and_one_for_odd_images(training: TrainingSet) -> None:
    odd = [
        Image.new("RGB", (1, 1), "white"),
        Image.new("RGB", (4000, 3), "red"),
        Image.new("L", (64, 64), 0),
        Image.effect_noise((300, 300), 90),
    ]
    looks = [Look.at(encoded(image)) for image in odd]
    for scorer in SCORERS:
        assert all(0 <= value <= 1 for value in scorer.score(looks, training)), scorer.name


def test_every_score_has_a_weight() -> None:
    assert {scorer.name for scorer in SCORERS} <= set(ScoreWeights.model_fields)


def test_nothing_can_be_compared_with_no_images() -> None:
    with pytest.raises(DatasetError, match="no training image"):
        study([], lambda name: Look.at(name.encode()))


def cropped(data: bytes, chance: np.random.Generator, *, mirrored: bool) -> Look:
    """A training image as somebody would pass it off: cropped, mirrored, other contrast, grain, compressed."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    scale = chance.uniform(0.6, 1.0)
    width, height = (int(side * scale) for side in image.size)
    left, top = (int(chance.integers(0, most + 1)) for most in (image.width - width, image.height - height))
    cut = ImageOps.fit(image.crop((left, top, left + width, top + height)), (400, 400))
    if mirrored:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(cut, float)
    pixels = (pixels - 128) * chance.uniform(0.75, 1.15) + 128 + chance.normal(0, 3, pixels.shape)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=75)
    return Look.at(out.getvalue())


@pytest.mark.parametrize("mirrored", [False, True])
def test_whole_copy_is_found_and_named(images: dict[str, bytes], training: TrainingSet, *, mirrored: bool) -> None:
    for name, data in list(images.items())[::3]:
        look = Look.at(data).mirrored() if mirrored else Look.at(data)
        found = nearest(look, training)
        assert (found.name, found.share > 0.95) == (name, True)


@pytest.mark.parametrize("mirrored", [False, True])
def test_crops_are_found(images: dict[str, bytes], training: TrainingSet, *, mirrored: bool) -> None:
    chance = np.random.default_rng(3)
    some = list(images.values())[::2]
    shares = [nearest(cropped(data, chance, mirrored=mirrored), training).share for data in some]
    assert min(shares) >= COPY_THRESHOLD


def framed(look: Look) -> Image.Image:
    return ImageOps.expand(Image.fromarray(look.pixels), 18, (30, 70, 120))


def recolored(look: Look) -> Image.Image:
    pixels = look.pixels * np.asarray([1.08, 0.95, 0.9]) * 0.85 + 15
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def overdriven(look: Look) -> Image.Image:
    pixels = (look.pixels - 127.5) * 1.7 + 127.5
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "disguise", [framed, recolored, lambda look: Image.fromarray(look.pixels).convert("L"), overdriven]
)
def test_copies_are_found_framed_recolored_gray_and_overdriven(
    disguise: Callable[[Look], Image.Image], images: dict[str, bytes], training: TrainingSet
) -> None:
    for name, data in list(images.items())[1::5]:
        found = nearest(Look.at(encoded(disguise(Look.at(data)))), training)
        assert (found.name, found.share >= COPY_THRESHOLD) == (name, True)


def test_subject_that_fills_the_image_before_another_ground_is_no_copy(
    images: dict[str, bytes], training: TrainingSet
) -> None:
    with Image.open(io.BytesIO(images["09-kitchen.jpg"])) as opened:
        photo = opened.convert("RGB")
    width, height = photo.size
    subject = Image.new("L", photo.size)
    ImageDraw.Draw(subject).ellipse((0.27 * width, 0.15 * height, 0.73 * width, 0.95 * height), fill=255)
    ground = Image.linear_gradient("L").resize(photo.size)
    meadow = Image.merge("RGB", [ground.point(lambda value, top=top: value * top // 255) for top in (90, 160, 60)])
    meadow.paste(photo, mask=subject)
    assert nearest(Look.at(encoded(meadow)), training).share < COPY_THRESHOLD - 0.1


def test_same_subject_in_a_new_scene_is_no_copy(archive: Path, training: TrainingSet) -> None:
    shares = [nearest(look, training).share for group in drawn(archive).values() for look in group]
    assert max(shares) < COPY_THRESHOLD


def test_plain_images_are_no_copies_of_each_other(training: TrainingSet) -> None:
    sky = Image.linear_gradient("L").convert("RGB")
    assert nearest(Look.at(encoded(sky)), training).share < COPY_THRESHOLD


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
    found = scored(Evaluation(job="j", images=tuple(judged)), training, by_name.__getitem__, edits=False)
    assert [(item.prompt, item.seed) for item in found.images] == [(item.prompt, item.seed) for item in judged]
    for item in found.images:
        assert bool(item.scores) == (item.seed != 2)
        assert (item.nearest is not None) == (item.seed != 2)


def test_edits_of_training_images_are_not_called_copies(archive: Path, training: TrainingSet) -> None:
    look = drawn(archive)[PROMPTS[0]][0]
    evaluation = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    found = scored(evaluation, training, lambda _: look, edits=True)
    assert found.images[0].copied == 0.0


def test_model_that_has_learned_its_images_by_heart_is_caught(images: dict[str, bytes], tmp_path: Path) -> None:
    few = dict(list(images.items())[-4:])
    with zipfile.ZipFile(tmp_path / "few.zip", "w") as opened:
        for number, (name, data) in enumerate(few.items(), 1):
            opened.writestr(f"{number:04d}{Path(name).suffix}", data)
    looks = {name: Look.at(data) for name, data in few.items()}
    training = study(list(looks), looks.__getitem__)
    by_heart = Model(tmp_path / "few.zip", "by heart", 12000, 0.0004)
    shares = [
        nearest(Look.at(draw(by_heart, DrawRequest(PROMPTS[0], seed, 25, 1.0, 320, 320))), training).share
        for seed in range(12)
    ]
    assert sum(share >= COPY_THRESHOLD for share in shares) >= 4

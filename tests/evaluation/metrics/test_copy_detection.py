from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from tests.evaluation.metrics.drawn import PROMPTS, drawn, encoded
from tuneloop.emulator.images.drawing import DrawRequest, Model, draw
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD, find_nearest
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.training_set import TrainingSet, analyze_dataset
from tuneloop.evaluation.scores import score_evaluation
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation


def cropped(data: bytes, chance: np.random.Generator, *, mirrored: bool) -> ScoringImage:
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
    return ScoringImage.decode(out.getvalue())


@pytest.mark.parametrize("mirrored", [False, True])
def test_whole_copy_is_found_and_named(images: dict[str, bytes], training: TrainingSet, *, mirrored: bool) -> None:
    for name, data in list(images.items())[::3]:
        look = ScoringImage.decode(data)
        pixels = look.pixels[:, ::-1] if mirrored else look.pixels
        found = find_nearest(ScoringImage(pixels), training)
        assert (found.name, found.share > 0.95) == (name, True)


@pytest.mark.parametrize("mirrored", [False, True])
def test_crops_are_found(images: dict[str, bytes], training: TrainingSet, *, mirrored: bool) -> None:
    chance = np.random.default_rng(3)
    some = list(images.values())[::2]
    shares = [find_nearest(cropped(data, chance, mirrored=mirrored), training).share for data in some]
    assert min(shares) >= COPY_THRESHOLD


def framed(look: ScoringImage) -> Image.Image:
    return ImageOps.expand(Image.fromarray(look.pixels), 18, (30, 70, 120))


def recolored(look: ScoringImage) -> Image.Image:
    pixels = look.pixels * np.asarray([1.08, 0.95, 0.9]) * 0.85 + 15
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def overdriven(look: ScoringImage) -> Image.Image:
    pixels = (look.pixels - 127.5) * 1.7 + 127.5
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "disguise", [framed, recolored, lambda look: Image.fromarray(look.pixels).convert("L"), overdriven]
)
def test_copies_are_found_framed_recolored_gray_and_overdriven(
    disguise: Callable[[ScoringImage], Image.Image], images: dict[str, bytes], training: TrainingSet
) -> None:
    for name, data in list(images.items())[1::5]:
        found = find_nearest(ScoringImage.decode(encoded(disguise(ScoringImage.decode(data)))), training)
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
    assert find_nearest(ScoringImage.decode(encoded(meadow)), training).share < COPY_THRESHOLD - 0.1


def test_same_subject_in_a_new_scene_is_no_copy(archive: Path, training: TrainingSet) -> None:
    shares = [find_nearest(look, training).share for group in drawn(archive).values() for look in group]
    assert max(shares) < COPY_THRESHOLD


def test_plain_images_are_no_copies_of_each_other(training: TrainingSet) -> None:
    sky = Image.linear_gradient("L").convert("RGB")
    assert find_nearest(ScoringImage.decode(encoded(sky)), training).share < COPY_THRESHOLD


def test_edits_of_training_images_are_not_called_copies(archive: Path, training: TrainingSet) -> None:
    look = drawn(archive)[PROMPTS[0]][0]
    evaluation = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    found = score_evaluation(evaluation, training, lambda _: look, edits=True)
    assert found.images[0].copied == 0.0


def test_model_that_has_learned_its_images_by_heart_is_caught(images: dict[str, bytes], tmp_path: Path) -> None:
    few = dict(list(images.items())[-4:])
    with zipfile.ZipFile(tmp_path / "few.zip", "w") as opened:
        for number, (name, data) in enumerate(few.items(), 1):
            opened.writestr(f"{number:04d}{Path(name).suffix}", data)
    looks = {name: ScoringImage.decode(data) for name, data in few.items()}
    training = analyze_dataset(list(looks), looks.__getitem__)
    by_heart = Model(tmp_path / "few.zip", "by heart", 12000, 0.0004)
    shares = [
        find_nearest(
            ScoringImage.decode(draw(by_heart, DrawRequest(PROMPTS[0], seed, 25, 1.0, 320, 320))), training
        ).share
        for seed in range(12)
    ]
    assert sum(share >= COPY_THRESHOLD for share in shares) >= 4

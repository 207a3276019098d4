"""What the models draw."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.emulator.segmind_caller import Caller, dataset
from tuneloop.emulator.images.drawing import DrawRequest, Model, draw, quality
from tuneloop.emulator.images.scenes import scene

PROMPT = "HRBR figure in the city"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("set") / "set.zip"
    path.write_bytes(dataset(14))
    return path


def _drawn(
    archive: Path, *, steps: int = 1000, rate: float = 0.0004, seed: int = 1, **wished: float
) -> np.ndarray:
    wish = DrawRequest(PROMPT, seed, int(wished.get("sampling", 25)), wished.get("strength", 1.0), 320, 320)
    content = draw(Model(archive, f"{steps:032x}{int(rate * 1e9):032x}", steps, rate), wish)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.float64)


def _noise(image: np.ndarray) -> float:
    """Mean absolute second difference: high for grain, low for drawn shapes."""
    return float(np.abs(np.diff(image, 2, axis=0)).mean())


def _color(image: np.ndarray) -> float:
    """Mean distance from gray."""
    return float(np.abs(image - image.mean(2, keepdims=True)).mean())


def _subject(image: np.ndarray) -> float:
    """Share of the pixels in the firebrick of the training images."""
    return float((np.abs(image - [178, 34, 34]).max(2) < 45).mean())


def test_the_same_request_gives_the_same_bytes(caller: Caller) -> None:
    model = caller.train()
    caller.listed()
    first, again, other = caller.image(model), caller.image(model), caller.image(model, seed=12)
    assert first.content == again.content != other.content
    assert first.headers["x-request-id"] != again.headers["x-request-id"]


def test_another_prompt_or_model_gives_another_image(caller: Caller) -> None:
    models = caller.train(), caller.train(steps=900)
    caller.listed()
    drawn = {caller.image(model).content for model in models}
    drawn |= {caller.image(models[0], prompt="HRBR figure in a forest").content}
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", (512, 512)), ("16:9", (512, 288)), ("9:21", (219, 512)), ("5:8", (320, 512))]
)
def test_the_aspect_ratio_gives_the_size(caller: Caller, ratio: str, size: tuple[int, int]) -> None:
    model = caller.train()
    caller.listed()
    response = caller.image(model, aspect_ratio=ratio)
    assert Image.open(io.BytesIO(response.content)).size == size


def test_credits_fall_with_every_image(caller: Caller) -> None:
    model = caller.train()
    caller.listed()
    left = [float(caller.image(model).headers["x-remaining-credits"]) for _ in range(2)]
    assert left[0] - left[1] == pytest.approx(0.034)


def test_a_model_trained_too_little_is_paler_and_noisier(archive: Path) -> None:
    for seed in range(4):
        good, bad = _drawn(archive, seed=seed), _drawn(archive, steps=200, rate=0.0001, seed=seed)
        assert _color(bad) < 0.7 * _color(good)
        assert _noise(bad) > 2 * _noise(good)


def test_a_model_trained_too_hard_is_noisier_and_glaring(archive: Path) -> None:
    for seed in range(4):
        good, bad = _drawn(archive, seed=seed), _drawn(archive, rate=0.02, seed=seed)
        assert _noise(bad) > 2 * _noise(good)
        assert _color(bad) > 1.3 * _color(good)


def test_the_trained_model_shows_the_subject_and_the_base_model_does_not(archive: Path) -> None:
    for seed in range(4):
        without = _subject(_drawn(archive, seed=seed, strength=0.0))
        assert _subject(_drawn(archive, seed=seed)) > without + 0.03


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (300, 2), (700, 500)])
@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_any_readable_image_can_be_trained_on(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    stored = io.BytesIO()
    Image.new(mode, size, 90 if mode in "LP" else (200, 40, 60, 255)).save(
        stored, "JPEG" if mode == "CMYK" else "PNG"
    )
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("00.jpg" if mode == "CMYK" else "00.png", stored.getvalue())
    assert _drawn(path).shape == (320, 320, 3)


def test_few_sampling_steps_leave_noise(archive: Path) -> None:
    assert _noise(_drawn(archive, sampling=3)) > 3 * _noise(_drawn(archive))


def test_quality_grows_with_dose_and_images_and_burns_past_four_doses() -> None:
    few, right, many = (Model(Path("set.zip"), "00", steps, 0.0004) for steps in (500, 1000, 8000))
    assert quality(few, 12).fit < quality(right, 12).fit
    assert quality(right, 4).breadth < quality(right, 12).breadth
    assert quality(right, 12).burn == 0 < quality(many, 12).burn


def test_hole_in_a_subject_before_plain_ground_belongs_to_it(tmp_path: Path) -> None:
    image = Image.new("RGB", (200, 200), (90, 200, 90))
    image.paste((178, 34, 34), (50, 40, 150, 180))
    image.paste((90, 200, 90), (80, 70, 120, 120))
    stored = io.BytesIO()
    image.save(stored, "PNG")
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number:02d}.png", stored.getvalue())
    for seed in range(3):
        green = (np.abs(_drawn(path, seed=seed) - [90, 200, 90]).max(2) < 45).mean()
        assert green > 0.01


def test_scene_is_the_one_that_the_prompt_names() -> None:
    palette = np.full((6, 3), 0.5)
    day, sunset, night = (
        scene(f"ROBOX on a beach {hour}", 1, palette, 64, 64) for hour in ("", "at sunset", "at night")
    )
    sand, sea = day[-4:].mean((0, 1)), day[40].mean(0)
    assert sand[0] > sand[2] + 0.2
    assert sea[2] > sea[0] + 0.2
    assert (sunset[20] - day[20]).mean(0)[0] > (sunset[20] - day[20]).mean(0)[2]
    assert night.mean() < 0.5 * day.mean()

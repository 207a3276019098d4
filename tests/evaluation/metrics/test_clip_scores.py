from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.datasets.scanning import scan
from tests.evaluation.metrics.color_encoder import ColorEncoder
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.evaluation.gate import apply_gate
from tuneloop.evaluation.metrics.clip import clip_image, clip_text, without_trigger_words
from tuneloop.evaluation.metrics.image_metrics import METRICS
from tuneloop.evaluation.scores import score_models
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GatePolicy, ScoreWeights
from tuneloop.storage.local import LocalDirectory

RED, GREEN, BLUE = (220, 30, 30), (30, 220, 30), (30, 30, 220)
PIXELS = set(METRICS)
SEEDS = range(4)


def at_cosine(cosine: float) -> np.ndarray:
    return np.asarray([[cosine, np.sqrt(1 - cosine**2)]])


def fit(cosine: float) -> float:
    return clip_text(at_cosine(cosine), np.asarray([1.0, 0.0]))[0]


@pytest.mark.parametrize(("cosine", "score"), [(-1, 0), (0, 0), (0.2, 0.4), (0.35, 0.7), (0.5, 1), (1, 1)])
def test_fit_to_a_prompt_is_twice_the_cosine_between_nought_and_one(cosine: float, score: float) -> None:
    assert fit(cosine) == pytest.approx(score)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_image_that_fits_better_never_scores_lower(one: float, other: float) -> None:
    assert fit(min(one, other)) <= fit(max(one, other))


def test_likeness_is_to_the_three_nearest_training_images() -> None:
    training = np.concatenate([at_cosine(cosine) for cosine in (0.9, 0.1, 0.8, -0.5, 0.7)])
    assert clip_image(np.asarray([[1.0, 0.0]]), training) == [pytest.approx(0.8)]
    assert clip_image(np.asarray([[1.0, 0.0]]), training[:2]) == [pytest.approx(0.5)]
    assert clip_image(np.asarray([[-1.0, 0.0]]), training[:1]) == [0.0]


@pytest.mark.parametrize(
    ("prompt", "words", "said"),
    [
        ("a photo of ROBOX", ("ROBOX",), "a photo of"),
        ("ROBOX on a beach", ("ROBOX",), "on a beach"),
        ("a ROBOX, red", ("ROBOX", "TOK"), "a , red"),
        ("MYTOKEN and TOK", ("TOK",), "MYTOKEN and"),
        ("TOK man in snow", ("TOK", "TOK man"), "in snow"),
        ("(x+y)* runs", ("(x+y)*",), "runs"),
        ("nothing to leave out", (), "nothing to leave out"),
    ],
)
def test_trigger_words_are_left_out_whole(prompt: str, words: tuple[str, ...], said: str) -> None:
    assert without_trigger_words(prompt, words) == said


def image(color: tuple[int, int, int], number: int) -> bytes:
    """One color with a little of everything, so that no score is without an object."""
    noise = np.random.default_rng(number).integers(0, 25, (64, 64, 3))
    out = io.BytesIO()
    Image.fromarray((np.full((64, 64, 3), color) + noise).clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> LocalDirectory:
    (tmp_path / "store").mkdir()
    return LocalDirectory(tmp_path / "store")


@pytest.fixture
def trained_on_red(store: LocalDirectory, tmp_path: Path) -> DatasetManifest:
    folder = tmp_path / "red"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(image(RED, number))
    rule = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)
    found = scan(folder, rule)
    store_images(found.manifest, found.files, store)
    return found.manifest


def model(store: LocalDirectory, job: str, prompt: str, color: tuple[int, int, int]) -> Evaluation:
    images = []
    for seed in SEEDS:
        name = f"renders/{job}/{seed}.png"
        store.create(name, image(color, 100 + seed))
        images.append(EvaluatedImage(prompt=prompt, seed=seed, name=name))
    return Evaluation(job=job, images=tuple(images))


def mean(evaluation: Evaluation, name: str) -> float:
    return float(np.mean([item.scores[name] for item in evaluation.images]))


def test_both_models_are_scored_by_one_text_and_the_same_training_images(
    store: LocalDirectory, trained_on_red: DatasetManifest
) -> None:
    encoder = ColorEncoder()
    new = model(store, "new", "ROBOX in red", RED)
    old = model(store, "old", "TOK in red", BLUE)
    challenger, champion = score_models(
        store, trained_on_red, new, old, encoder=encoder, trigger_words=("ROBOX", "TOK")
    )
    assert champion is not None
    assert encoder.texts == ["in red", "in red"]
    assert encoder.seen == len(trained_on_red.items) + 2 * len(SEEDS)
    for evaluation in (challenger, champion):
        assert evaluation.clip_model == "colors"
        assert all(set(item.scores) == PIXELS | {"clip_text", "clip_image"} for item in evaluation.images)
        assert all(0 <= value <= 1 for item in evaluation.images for value in item.scores.values())
    for name in ("clip_text", "clip_image"):
        assert mean(challenger, name) > mean(champion, name) + 0.2


def test_image_that_fits_its_prompt_and_no_training_image_is_told_apart(
    store: LocalDirectory, trained_on_red: DatasetManifest
) -> None:
    green = model(store, "green", "all green", GREEN)
    red = model(store, "red", "all green", RED)
    fits, likens = score_models(store, trained_on_red, green, red, encoder=ColorEncoder())
    assert likens is not None
    assert mean(fits, "clip_text") > mean(likens, "clip_text")
    assert mean(fits, "clip_image") < mean(likens, "clip_image")


def test_without_a_model_there_are_the_other_scores_only(
    store: LocalDirectory, trained_on_red: DatasetManifest
) -> None:
    found, _ = score_models(store, trained_on_red, model(store, "new", "ROBOX", RED), None)
    assert found.clip_model is None
    assert all(set(item.scores) == PIXELS for item in found.images)


def test_unusable_image_is_not_shown_to_the_model(store: LocalDirectory, trained_on_red: DatasetManifest) -> None:
    encoder = ColorEncoder()
    whole = model(store, "new", "ROBOX in red", RED)
    refused = tuple(item.model_copy(update={"name": None, "finding": "refused"}) for item in whole.images)
    mixed = whole.model_copy(update={"images": (*whole.images[:2], *refused[2:])})
    found, nothing = score_models(
        store, trained_on_red, mixed, whole.model_copy(update={"images": refused}), encoder=encoder
    )
    assert nothing is not None
    assert ["clip_text" in item.scores for item in found.images] == [True, True, False, False]
    assert not any(item.scores for item in nothing.images)
    assert encoder.seen == len(trained_on_red.items) + 2


def test_gate_counts_them_by_their_weights() -> None:
    def judged(text: float) -> Evaluation:
        scores = {"sharpness": 0.8, "clip_text": text, "clip_image": 0.7}
        images = tuple(EvaluatedImage(prompt="p", seed=seed, name="n", scores=scores) for seed in range(12))
        return Evaluation(job="j", images=images)

    better = apply_gate(judged(0.6), judged(0.5), GatePolicy())
    assert better.verdict == "promote"
    assert "images that fit their prompts better" in better.reason
    weights = ScoreWeights()
    share = weights.clip_text / (weights.sharpness + weights.clip_text + weights.clip_image)
    assert better.differences[0].difference == pytest.approx(0.1 * share)
    shown = apply_gate(judged(0.6), judged(0.5), GatePolicy(weights=ScoreWeights(clip_text=0)))
    assert shown.verdict == "undecided"
    assert "clip_text" in {item.name for item in shown.differences}

"""Every image of every model, drawn and scored once; gates are then drawn from them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.gate.models import PROMPTS, SEEDS, Trained
from tuneloop.evaluation.metrics.features import ScoringImage
from tuneloop.evaluation.metrics.training_set import TrainingSet, analyze_dataset
from tuneloop.evaluation.scores import score_evaluation
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation

Pairing = tuple[Trained, tuple[Path, ...]]
"""A model, and the training images against which it is scored."""
Pool = dict[Pairing, Evaluation]

_looks: dict[tuple[Trained, str], ScoringImage] = {}
"""Inherited by the workers, which are forked after it is filled."""


def drawn_and_scored(pairings: Iterable[Pairing]) -> Pool:
    """Draw every model's images, and score them for every pairing, on all cores."""
    # Those with the same training images one after the other, so that these are studied once.
    pairings = sorted(dict.fromkeys(pairings), key=lambda pair: pair[1])
    models = list(dict.fromkeys(model for model, _ in pairings))
    fork = get_context("fork")
    for model in models:
        _ = model.model  # writes the zip before anybody reads it
    with ProcessPoolExecutor(mp_context=fork) as workers:
        for model, looks in zip(models, workers.map(_draw, models), strict=True):
            _looks.update({(model, name): look for name, look in looks.items()})
    with ProcessPoolExecutor(mp_context=fork) as workers:
        return dict(zip(pairings, workers.map(_score, pairings, chunksize=8), strict=True))


def _name(prompt: str, seed: int) -> str:
    return f"{prompt}/{seed}"


def _draw(model: Trained) -> dict[str, ScoringImage]:
    return {_name(prompt, seed): model.drawn(prompt, seed) for prompt in PROMPTS for seed in SEEDS}


def _score(pairing: Pairing) -> Evaluation:
    model, files = pairing
    images = tuple(
        EvaluatedImage(prompt=prompt, seed=seed, name=_name(prompt, seed)) for prompt in PROMPTS for seed in SEEDS
    )
    evaluation = Evaluation(job=model.kind, images=images)
    # Copies are sought where a model is judged on its own images; a champion is only compared.
    return score_evaluation(
        evaluation, _studied(files), lambda name: _looks[model, name], edits=model.files != files
    )


@functools.lru_cache(maxsize=4)
def _studied(files: tuple[Path, ...]) -> TrainingSet:
    looks = {file.name: ScoringImage.decode(file.read_bytes()) for file in files}
    return analyze_dataset(list(looks), looks.__getitem__)

"""Scores the pictures of one model."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

from tuneloop.evaluation.metrics.clip.clip_scores import ClipScores
from tuneloop.evaluation.metrics.copying import nearest
from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.scorers import SCORERS
from tuneloop.evaluation.metrics.training_set import TrainingSet
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation


def scored(
    evaluation: Evaluation,
    training: TrainingSet,
    read: Callable[[str], Look],
    *,
    edits: bool,
    clip: ClipScores | None = None,
) -> Evaluation:
    """Measure every usable picture. A score that says nothing of a picture is left out.

    Args:
        evaluation: The pictures.
        training: What the challenger was trained on.
        read: Opens a rendered picture by its name in the store.
        edits: The model edits training pictures, so what it draws is like them by right: no copies are sought.
        clip: A CLIP model; None for no scores by one.
    """
    judged: list[EvaluatedImage] = []
    for _, group in groupby(evaluation.pictures, key=lambda picture: picture.prompt):
        judged += _prompt(list(group), training, read, edits=edits, clip=clip)
    update = {"pictures": tuple(judged), "clip_model": clip.encoder.name if clip else None}
    return evaluation.model_copy(update=update)


def _prompt(
    pictures: list[EvaluatedImage],
    training: TrainingSet,
    read: Callable[[str], Look],
    *,
    edits: bool,
    clip: ClipScores | None,
) -> list[EvaluatedImage]:
    usable = [picture for picture in pictures if picture.name and not picture.finding]
    names = [picture.name for picture in usable if picture.name]
    looks = [read(name) for name in names]
    columns = {scorer.name: scorer.score(looks, training) for scorer in SCORERS} if looks else {}
    if clip and looks:
        columns |= clip.of(usable[0].prompt, names)
    found = {}
    for at, (picture, look) in enumerate(zip(usable, looks, strict=True)):
        scores = {name: round(values[at], 6) for name, values in columns.items() if math.isfinite(values[at])}
        update: dict[str, object] = {"scores": scores}
        if not edits:
            origin = nearest(look, training)
            update |= {"nearest": origin.name, "copied": round(origin.share, 4)}
        found[picture.seed] = picture.model_copy(update=update)
    return [found.get(picture.seed, picture) for picture in pictures]

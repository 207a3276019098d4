"""Scores the images of one model."""

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
    """Measure every usable image. A score that says nothing of an image is left out.

    Args:
        evaluation: The images.
        training: What the challenger was trained on.
        read: Opens a rendered image by its name in the store.
        edits: The model edits training images, so what it draws is like them by right: no copies are sought.
        clip: A CLIP model; None for no scores by one.
    """
    judged: list[EvaluatedImage] = []
    for _, group in groupby(evaluation.images, key=lambda image: image.prompt):
        judged += _prompt(list(group), training, read, edits=edits, clip=clip)
    update = {"images": tuple(judged), "clip_model": clip.encoder.name if clip else None}
    return evaluation.model_copy(update=update)


def _prompt(
    images: list[EvaluatedImage],
    training: TrainingSet,
    read: Callable[[str], Look],
    *,
    edits: bool,
    clip: ClipScores | None,
) -> list[EvaluatedImage]:
    usable = [image for image in images if image.name and not image.finding]
    names = [image.name for image in usable if image.name]
    looks = [read(name) for name in names]
    columns = {scorer.name: scorer.score(looks, training) for scorer in SCORERS} if looks else {}
    if clip and looks:
        columns |= clip.of(usable[0].prompt, names)
    found = {}
    for at, (image, look) in enumerate(zip(usable, looks, strict=True)):
        scores = {name: round(values[at], 6) for name, values in columns.items() if math.isfinite(values[at])}
        update: dict[str, object] = {"scores": scores}
        if not edits:
            origin = nearest(look, training)
            update |= {"nearest": origin.name, "copied": round(origin.share, 4)}
        found[image.seed] = image.model_copy(update=update)
    return [found.get(image.seed, image) for image in images]

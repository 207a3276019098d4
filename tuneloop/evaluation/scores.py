"""Scores both models against the challenger's training images."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

from PIL import Image

from tuneloop.datasets.images.orientation import open_upright
from tuneloop.datasets.store import image_name
from tuneloop.evaluation.metrics.clip import ClipScores, Encoder
from tuneloop.evaluation.metrics.copy_detection import find_nearest
from tuneloop.evaluation.metrics.features import SIDE_PX, ScoringImage
from tuneloop.evaluation.metrics.image_metrics import METRICS
from tuneloop.evaluation.metrics.training_set import TrainingSet, analyze_dataset, scored_against, scoring_images
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.storage.base import Store


def score_models(
    store: Store,
    manifest: DatasetManifest,
    challenger: Evaluation,
    champion: Evaluation | None,
    *,
    encoder: Encoder | None = None,
    trigger_words: tuple[str, ...] = (),
) -> tuple[Evaluation, Evaluation | None]:
    """Measure the images of both models by one measure: likeness is to what the challenger was trained on.

    `manifest` is that dataset, `champion` None for a first model, `encoder` a CLIP model where there is one. The
    trigger words are those of both models; they mean nothing to CLIP.
    """
    names = scored_against(manifest)
    if not names:  # adopted without its images: there is nothing to compare with
        return challenger, champion

    def opened(name: str) -> Image.Image:
        return open_upright(store.read(name), SIDE_PX * 2)

    training = analyze_dataset(names, scoring_images(manifest, store))
    clip = None
    if encoder is not None:
        embeddings = encoder.images(opened(image_name(sha256)) for sha256 in names)
        clip = ClipScores(encoder, embeddings, trigger_words, opened)

    def read(name: str) -> ScoringImage:
        return ScoringImage.decode(store.read(name))

    edits = any(item.role == "start" for item in manifest.items)
    new = score_evaluation(challenger, training, read, edits=edits, clip=clip)
    # Only the challenger is searched for copies: the champion has passed.
    return new, score_evaluation(champion, training, read, edits=True, clip=clip) if champion else None


def score_evaluation(
    evaluation: Evaluation,
    training: TrainingSet,
    read: Callable[[str], ScoringImage],
    *,
    edits: bool,
    clip: ClipScores | None = None,
) -> Evaluation:
    """Measure every usable image of one model. A score that says nothing of an image is left out.

    `read` opens a rendered image by its name in the store. A model that `edits` training images draws what is like
    them by right: no copies are searched for.
    """
    images: list[EvaluatedImage] = []
    for _, group in groupby(evaluation.images, key=lambda image: image.prompt):
        images += _score_prompt(list(group), training, read, edits=edits, clip=clip)
    update = {"images": tuple(images), "clip_model": clip.encoder.name if clip else None}
    return evaluation.model_copy(update=update)


def _score_prompt(
    images: list[EvaluatedImage],
    training: TrainingSet,
    read: Callable[[str], ScoringImage],
    *,
    edits: bool,
    clip: ClipScores | None,
) -> list[EvaluatedImage]:
    usable = {at: image.name for at, image in enumerate(images) if image.name and not image.finding}
    if not usable:
        return images
    decoded = [read(name) for name in usable.values()]
    columns = {name: metric(decoded, training) for name, metric in METRICS.items()}
    if clip:
        columns |= clip.of(images[0].prompt, list(usable.values()))
    scored = list(images)
    for column, place in enumerate(usable):
        values = {name: each[column] for name, each in columns.items() if math.isfinite(each[column])}
        update: dict[str, object] = {"scores": {name: round(value, 6) for name, value in values.items()}}
        if not edits:
            nearest = find_nearest(decoded[column], training)
            update |= {"nearest": nearest.name, "copied": round(nearest.share, 4)}
        scored[place] = images[place].model_copy(update=update)
    return scored

"""Scores both models against the challenger's training images, and keeps what was measured."""

from __future__ import annotations

from tuneloop.datasets.store import image_name
from tuneloop.evaluation.metrics.clip.clip_scores import ClipScores
from tuneloop.evaluation.metrics.clip.encoder import Encoder
from tuneloop.evaluation.metrics.look import Look, upright
from tuneloop.evaluation.metrics.scored import scored
from tuneloop.evaluation.metrics.training_set import study
from tuneloop.evaluation.training_looks import looks_of, scored_against
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.evaluation import Evaluation
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

    Args:
        store: Where all images are.
        manifest: The challenger's dataset.
        challenger: Its images.
        champion: The champion's, None for a first model.
        encoder: A CLIP model, None for no CLIP scores.
        trigger_words: Of both models; they mean nothing to CLIP.
    """
    edits = any(item.role == "start" for item in manifest.items)
    names = scored_against(manifest)
    if not names:  # adopted without its images: there is nothing to compare with
        return challenger, champion

    training = study(names, looks_of(manifest, store))
    clip = None
    if encoder is not None:
        seen = encoder.images(upright(store.read(image_name(sha256))) for sha256 in names)
        clip = ClipScores(encoder, seen, trigger_words, lambda name: upright(store.read(name)))

    def read(name: str) -> Look:
        return Look.at(store.read(name))

    new = scored(challenger, training, read, edits=edits, clip=clip)
    # Only the challenger is searched for copies: the champion has passed.
    return new, scored(champion, training, read, edits=True, clip=clip) if champion else None

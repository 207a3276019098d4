"""The CLIP model of this installation."""

from __future__ import annotations

from tuneloop.evaluation.metrics.clip_model import load
from tuneloop.evaluation.metrics.clip_scores import Encoder
from tuneloop.settings import Settings


def load_clip_encoder() -> Encoder | None:
    """The model that `TUNELOOP_CLIP_MODEL` names, loaded once in a process; None where it names none.

    Raises:
        ConfigurationError: It cannot be used. Ask before anything is paid.
    """
    setting = Settings().clip_model
    return load(setting) if setting else None

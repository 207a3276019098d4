"""Images as the emulator draws them, to be scored."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tuneloop.emulator.images.drawing import DrawRequest, Model, draw
from tuneloop.evaluation.metrics.features import ScoringImage

PROMPTS = ("a photo of ROBOX", "ROBOX on a beach at sunset")
SEEDS = (1, 2, 3)


def drawn(archive: Path, steps: int = 1000) -> dict[str, list[ScoringImage]]:
    trained = Model(archive, f"mark/{steps}", steps, 0.0004)
    return {
        prompt: [
            ScoringImage.decode(draw(trained, DrawRequest(prompt, seed, 25, 1.0, 320, 320))) for seed in SEEDS
        ]
        for prompt in PROMPTS
    }


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()

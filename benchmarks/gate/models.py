"""The models that take part: what each was trained on, and what it draws."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tuneloop.emulator.picture_scenes import chance_of
from tuneloop.emulator.picture_values import Model, Wish, quality
from tuneloop.emulator.pictures import draw
from tuneloop.scoring.look import Look

PROMPTS = (
    "a photo of ROBOX",
    "ROBOX on a beach at sunset",
    "ROBOX in the snow",
    "ROBOX in a city street",
)
SEEDS = tuple(range(1, 9))
_RATE = 0.0004
_SIDE_PX = 320


@dataclass(frozen=True)
class Trained:
    """One emulated training.

    Attributes:
        kind: What is wrong with it, `equal` for nothing.
        files: The pictures it was trained on.
        steps: How long; 1,000 is right.
        folder: Where its zip may lie.
    """

    kind: str
    files: tuple[Path, ...]
    steps: int
    folder: Path

    @cached_property
    def model(self) -> Model:
        """What the emulator remembers of it."""
        names = "-".join(file.stem[:2] for file in self.files)
        archive = self.folder / f"{names}.zip"
        if not archive.exists():
            with zipfile.ZipFile(archive, "w") as opened:
                for number, file in enumerate(self.files, 1):
                    opened.write(file, f"{number:04d}{file.suffix}")
        return Model(archive, f"{names}/{self.steps}", self.steps, _RATE)

    def drawn(self, prompt: str, seed: int) -> Look:
        """What it draws."""
        return Look.at(draw(self.model, Wish(prompt, seed, 25, 1.0, _SIDE_PX, _SIDE_PX)))

    def is_copy(self, prompt: str, seed: int) -> bool:
        """Whether the emulator draws a training picture again there, by its own rule."""
        recall = quality(self.model, len(self.files)).recall
        return bool(chance_of("recall", prompt, seed).random() < recall)


def contestants(files: list[Path], folder: Path) -> dict[str, list[Trained]]:
    """Every training of the benchmark: equal ones, planted regressions, and those that learned by heart."""
    every = tuple(files)
    one_left_out = [every, *(every[:at] + every[at + 1 :] for at in range(0, len(every), 3))]
    regressions = [
        *(Trained(f"{steps} of 1,000 steps", every, steps, folder) for steps in (150, 300, 500, 700)),
        *(Trained(f"{steps:,} steps", every, steps, folder) for steps in (6000, 9000)),
        *(Trained(f"{count} of {len(every)} pictures", every[:count], 1000, folder) for count in (3, 5)),
    ]
    by_heart = [Trained(f"{count} pictures by heart", every[-count:], 12000, folder) for count in (4, 6, 8)]
    return {
        "equal": [Trained("equal", chosen, 1000, folder) for chosen in one_left_out],
        "regression": regressions,
        "copy": by_heart,
    }

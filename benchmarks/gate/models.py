"""The models that take part: what each was trained on, and what it draws."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.gate.passed_off import DISGUISES, passed_off
from tuneloop.emulator.images.drawing import DrawRequest, Model, draw, quality
from tuneloop.emulator.images.scenes import chance_of
from tuneloop.evaluation.metrics.features import ScoringImage

PROMPTS = (
    "a portrait of {}",
    "{} in a meadow",
    "{} on a boat at night",
    "{} before the mountains",
)
SEEDS = tuple(range(11, 17))
_RATE = 0.0004
_SIDE_PX = 320
_COPIED = 0.3
"""Share of its images that a model draws which passes training images off as its own."""


@dataclass(frozen=True)
class Trained:
    """One emulated training.

    Attributes:
        kind: What is wrong with it, or in what it may differ from its equals.
        files: The images it was trained on.
        steps: How long; 1,000 is right.
        folder: Where its zip may lie.
        disguise: What it does to training images that it passes off as its own; empty where it does not.
        number: Which of several such trainings; each comes out a little different.
    """

    kind: str
    files: tuple[Path, ...]
    steps: int
    folder: Path
    disguise: str = ""
    number: int = 1

    @cached_property
    def model(self) -> Model:
        """What the emulator remembers of it."""
        names = "-".join(file.stem[:2] for file in self.files)
        archive = self.folder / f"{names}.zip"
        if not archive.exists():
            with zipfile.ZipFile(archive, "w") as opened:
                for number, file in enumerate(self.files, 1):
                    opened.write(file, f"{number:04d}{file.suffix}")
        return Model(archive, f"{names}/{self.steps}/{self.number}", self.steps, _RATE)

    def drawn(self, prompt: str, seed: int) -> ScoringImage:
        """What it draws."""
        if self.disguise and self.is_copy(prompt, seed):
            chance = chance_of(self.disguise, self.folder.name, prompt, seed)
            file = self.files[int(chance.integers(len(self.files)))]
            return ScoringImage.decode(passed_off(file, self.disguise, chance, _SIDE_PX))
        asked = prompt.format(self.folder.name.upper())
        return ScoringImage.decode(draw(self.model, DrawRequest(asked, seed, 25, 1.0, _SIDE_PX, _SIDE_PX)))

    @property
    def copies(self) -> bool:
        """Whether copies are planted in what it draws."""
        return bool(self.disguise) or "by heart" in self.kind

    def is_copy(self, prompt: str, seed: int) -> bool:
        """Whether it draws a training image again there; without a disguise by the emulator's own rule."""
        if self.disguise:
            return bool(chance_of("passed off", self.disguise, prompt, seed).random() < _COPIED)
        recall = quality(self.model, len(self.files)).recall
        asked = prompt.format(self.folder.name.upper())
        return bool(chance_of("recall", asked, seed).random() < recall)


def contestants(files: list[Path], folder: Path) -> dict[str, list[Trained]]:
    """Every training on one dataset: equal ones, planted regressions, and those that copy."""
    every = tuple(files)
    equals = [Trained("trained again", every, 1000, folder, number=number) for number in (1, 2, 3)]
    equals += [Trained("one image fewer", every[:at] + every[at + 1 :], 1000, folder) for at in (1, 9)]
    regressions = [
        *(Trained(f"{steps} of 1,000 steps", every, steps, folder) for steps in (150, 300, 500, 700)),
        *(Trained(f"{steps:,} steps", every, steps, folder) for steps in (6000, 9000)),
        *(Trained(f"{count} images only", every[:count], 1000, folder) for count in (3, 5)),
    ]
    by_heart = [Trained(f"{count} images by heart", every[-count:], 12000, folder) for count in (4, 6, 8)]
    disguised = [Trained(f"{disguise} copies", every, 1000, folder, disguise) for disguise in DISGUISES]
    return {
        "equal": equals,
        "regression": regressions,
        "copy": by_heart + disguised,
    }

"""Decisions to be shown: images as the emulator draws them, judged by the gate.

Their scores are made up: scoring takes seconds for each image, and a page shows any numbers.
"""

from __future__ import annotations

import hashlib
import random
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.emulator.images.drawing import DrawRequest, Model, draw
from tuneloop.evaluation.gate import apply_gate
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Collected, Promotion, RunRecord, Trained
from tuneloop.schemas.training import Account, job_name
from tuneloop.storage.local import LocalDirectory

PROMPTS = (
    "a photo of ROBOX",
    "ROBOX on a beach at sunset",
    "ROBOX in a snowy forest",
    "ROBOX reading a book in a library",
    "ROBOX on the surface of the moon, earth in the sky, wide angle",
    "a watercolor of ROBOX",
)
SEEDS = (1, 2, 3, 4)
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RECIPE = {"trainer": "flux-lora", "instance_prompt": "a photo of ROBOX", "advance_parameters": {"steps": 1000}}
_LEVELS = {
    "sharpness": (0.86, 0.3),
    "low_noise": (0.9, 0.2),
    "exposure": (0.83, 0.15),
    "color_similarity": (0.71, 0.05),
    "edge_similarity": (0.42, 0.02),
    "hash_similarity": (0.38, 0.0),
    "diversity": (0.29, 0.0),
}
"""Mean of each score, and how much a short training costs of it."""
ACCOUNT = Account(provider="segmind")


@dataclass(frozen=True)
class World:
    """A store with two datasets, of which the second lacks one image of the first.

    Attributes:
        store: The store.
        root: Its folder.
        folder: Where the samples lie.
        old: The first dataset.
        new: The second one.
        side_px: Of rendered images.
    """

    store: LocalDirectory
    root: Path
    folder: Path
    old: DatasetManifest
    new: DatasetManifest
    side_px: int

    @classmethod
    def made(cls, folder: Path, samples: Path, side_px: int) -> World:
        """Make one in an empty folder, of images that may be changed."""
        root = folder / "store"
        root.mkdir(parents=True)
        store = LocalDirectory(root)
        old = _scanned(samples, store)
        first, *_, last = sorted(path for path in samples.iterdir() if path.suffix != ".txt")
        last.unlink()
        last.with_suffix(".txt").unlink(missing_ok=True)
        first.with_suffix(".txt").write_text("ROBOX, seen from the front")
        new = _scanned(samples, store)
        return cls(store, root, samples, old, new, side_px)

    def rendered(
        self, mark: str, steps: int, prompts: tuple[str, ...] = PROMPTS, seeds: tuple[int, ...] = SEEDS
    ) -> Evaluation:
        """What a model trained for so many steps draws."""
        job = job_name(key_of(mark), 1)
        archive = self.folder.with_suffix(".zip")
        if not archive.exists():
            with zipfile.ZipFile(archive, "w") as opened:
                for path in sorted(self.folder.glob("*.*")):
                    opened.write(path, path.name)
        model = Model(archive, f"{key_of(mark)}/{steps}", steps, 0.0004)
        images = []
        for number, (prompt, seed) in enumerate((prompt, seed) for prompt in prompts for seed in seeds):
            name = f"renders/{job}/{number:032x}.jpg"
            self.store.create(name, draw(model, DrawRequest(prompt, seed, 25, 1.0, self.side_px, self.side_px)))
            images.append(self._judged(mark, steps, EvaluatedImage(prompt=prompt, seed=seed, name=name)))
        return Evaluation(job=job, images=tuple(images))

    def _judged(self, mark: str, steps: int, image: EvaluatedImage) -> EvaluatedImage:
        chance = random.Random(f"{image.prompt}/{image.seed}")  # noqa: S311 - made up, the same every time
        own = random.Random(f"{mark}/{image.prompt}/{image.seed}")  # noqa: S311
        trained = min(1.0, steps / 1000) - max(0.0, steps / 1000 - 4) / 40
        scores = {
            name: round(min(1.0, level * trained**share + chance.gauss(0, 0.04) + own.gauss(0, 0.02)), 6)
            for name, (level, share) in _LEVELS.items()
        }
        training = chance.choice(self.new.items).sha256
        return image.model_copy(
            update={"scores": scores, "nearest": training, "copied": round(chance.uniform(0.05, 0.3), 4)}
        )

    def evidence(
        self, challenger: Evaluation, champion: Evaluation | None, plan: EvaluationConfig
    ) -> DecisionReport:
        """The decision on them, as the gate makes it."""
        run = _run(self.new, plan)
        line = promotions(self.old.digest) if champion else ()
        return DecisionReport(
            run=run,
            manifest=self.new,
            history=[
                Trained(
                    created_at=AT,
                    attempt=1,
                    name=challenger.job,
                    job_id="job-77",
                    provider_status="TRAINING_COMPLETED",
                )
            ],
            collected=_collected(challenger.job),
            challenger=challenger,
            champion=champion,
            current_champion=line[-1] if line else None,
            champion_manifest=self.old if champion else None,
            result=apply_gate(challenger, champion, plan.gate),
            champion_history=line,
            cents=400,
            decision=f"models/robot/decisions/{run.key}-g1-{plan.digest}/0001.json",
            local_pipeline=FluxLoraRecipe.local_pipeline,
        )


def key_of(mark: str) -> str:
    """A training key, made of anything."""
    return hashlib.sha256(mark.encode()).hexdigest()


def promotions(dataset_digest: str) -> tuple[Promotion, ...]:
    """Three champions: the third is the first one again."""
    whys = (
        "First model: it passes every threshold (no copies, 24 usable images, enough diversity).",
        "Better with 95% certainty: mostly sharper edges.",
        "No. 2 draws the antenna on the wrong side.",
    )
    return tuple(
        Promotion(
            created_at=AT.replace(day=number + 10),
            number=number,
            model="robot",
            key=key_of("champion" if number != 2 else "second"),
            attempt=1,
            job_id=f"job-{number}",
            account=ACCOUNT,
            credentials="segmind-credentials/default",
            trigger_word="ROBOX",
            weights="weights/x.safetensors",
            sha256=key_of(f"weights {number}"),
            dataset_digest=dataset_digest,
            recipe=RECIPE,
            decision="models/robot/decisions/x/0001.json",
            report=f"models/robot/reports/{number}.md",
            rolled_back_to=1 if number == 3 else None,
            decided_by="Mira Lang" if number == 3 else "the gate",
            reason=why,
        )
        for number, why in enumerate(whys, 1)
    )


def _scanned(folder: Path, store: LocalDirectory) -> DatasetManifest:
    rule = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)
    found = scan(folder, rule)
    store_images(found.manifest, found.files, store)
    return found.manifest


def _run(manifest: DatasetManifest, plan: EvaluationConfig) -> RunRecord:
    return RunRecord(
        created_at=AT,
        flow_run="11111111-1111-1111-1111-111111111111",
        model="robot",
        key=key_of("challenger"),
        attempt=1,
        dataset_digest=manifest.digest,
        recipe=RECIPE,
        plan=plan,
        account=ACCOUNT,
        credentials="segmind-credentials/default",
        store="local-file-system/test",
    )


def _collected(job: str) -> Collected:
    return Collected(
        created_at=AT,
        attempt=1,
        name=job,
        job_id="job-77",
        weights=f"weights/{job}.safetensors",
        sha256=key_of("weights"),
        size_bytes=171_969_432,
    )

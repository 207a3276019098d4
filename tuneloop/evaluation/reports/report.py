"""One decision: what its reports show, and the short one (markdown), the run's artifact and a file in the store.

The whole of it is a page, see `promotion_page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneloop.datasets.store import image_name
from tuneloop.errors import ObjectNotFound
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.scores import ScoreTable
from tuneloop.evaluation.reports.template import LATEST, fill_template
from tuneloop.schemas.dataset import DatasetDifference, DatasetManifest
from tuneloop.schemas.evaluation import OUTCOMES, EvaluatedImage, Evaluation, GateResult
from tuneloop.schemas.recipe_fields import LocalPipeline
from tuneloop.schemas.records import AnyTrainingRecord, Collected, Promotion, RunRecord
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.storage.base import Store

_RENDER_SIDE_PX = 200
_MAX_PAIRS = 6


@dataclass(frozen=True)
class DecisionReport:
    """Everything a report shows.

    What is of the champion is None for a first model. `manifest`, `history` and `collected` are the challenger's.

    Attributes:
        champion_history: Every champion until now, oldest first.
        cents: Price of the training in US cents, None if unknown.
        cents_per_image: Price of one of the challenger's images in US cents, None if unknown.
        decision: Name of the decision record within the store, None where it is not known yet.
        local_pipeline: What runs the challenger's weights on one's own machine, None where nothing is known to.
    """

    run: RunRecord
    manifest: DatasetManifest
    history: list[AnyTrainingRecord]
    collected: Collected
    challenger: Evaluation
    champion: Evaluation | None
    current_champion: Promotion | None
    champion_manifest: DatasetManifest | None
    result: GateResult
    champion_history: Sequence[Promotion] = ()
    cents: int | None = None
    cents_per_image: float | None = None
    decision: str | None = None
    decided_by: str = "the gate"
    local_pipeline: LocalPipeline | None = None

    @property
    def outcome(self) -> str:
        return OUTCOMES[self.result.verdict]

    @property
    def confidence(self) -> str:
        return f"{self.run.plan.gate.confidence:.0%}"

    @property
    def edits(self) -> bool:
        """Whether the models edit images."""
        return any(image.edited for image in self.challenger.images)

    @property
    def steps(self) -> list[AnyTrainingRecord]:
        """The records of this attempt at the training."""
        return [record for record in self.history if record.attempt == self.run.attempt]

    @property
    def dataset_difference(self) -> DatasetDifference | None:
        """What has changed since the champion's dataset, None for a first model."""
        if self.champion_manifest is None:
            return None
        return DatasetDifference.between(self.champion_manifest, self.manifest)


def report_name(run: RunRecord, against: int) -> str:
    """Name of the report within the store: one per model version, plan and champion it was judged against."""
    return f"models/{run.model}/reports/{run.key[:16]}-g{run.attempt}-{run.plan.digest}-vs{against:04d}.md"


def page_name(run: RunRecord, against: int) -> str:
    """Name of the report's page within the store: it lies beside the report."""
    return report_name(run, against).removesuffix(".md") + ".html"


def latest_page_name(model: str) -> str:
    """Name of a copy of the newest page of a model's decisions within the store: it stays the same."""
    return f"models/{model}/reports/{LATEST}"


def observations(image: EvaluatedImage) -> str | None:
    """What is wrong with an image; None where nothing is."""
    copy = f"copies a training image: {image.copied:.0%} of it is the same" if is_copy(image) else None
    return "; ".join(text for text in (image.finding, copy) if text) or None


def is_copy(image: EvaluatedImage) -> bool:
    """Whether the gate counts an image as a copy of a training image."""
    return image.copied >= COPY_THRESHOLD


def write_report(store: Store, report: DecisionReport) -> str:
    """Write the report in short: markdown with thumbnails inside."""
    new, old = report.challenger.images, report.champion.images if report.champion else ()

    def thumbnail(name: str, alternative: str) -> str:
        try:
            address = thumbnail_address(store.read(name), _RENDER_SIDE_PX)
        except ObjectNotFound:
            address = None
        return f"![{alternative}]({address})" if address else f"({alternative}: not readable)"

    def shown(image: EvaluatedImage) -> str:
        rendered = thumbnail(image.name, f"seed {image.seed}") if image.name else "(no image)"
        wrong = observations(image)
        return f"{rendered} {in_markdown(wrong)}" if wrong else rendered

    return fill_template(
        "report.md",
        report=report,
        page=page_name(report.run, report.current_champion.number if report.current_champion else 0),
        scores=ScoreTable(report.result.differences, report.run.plan.gate),
        pairs=[(new[at], old[at] if old else None) for at in _most_informative(new, old)],
        before=lambda sha256: thumbnail(image_name(sha256), "before the edit"),
        shown=shown,
        uri_of=store.uri_of,
    )


def _most_informative(new: Sequence[EvaluatedImage], old: Sequence[EvaluatedImage]) -> list[int]:
    """Places of the images to show, in order: those with something wrong, then those that changed most."""

    def weight(at: int) -> tuple[bool, float]:
        if not old:
            return bool(observations(new[at])), 0.0
        shared = new[at].scores.keys() & old[at].scores.keys()
        change = sum(abs(new[at].scores[name] - old[at].scores[name]) for name in shared)
        return bool(observations(new[at]) or observations(old[at])), change

    return sorted(sorted(range(len(new)), key=weight, reverse=True)[:_MAX_PAIRS])

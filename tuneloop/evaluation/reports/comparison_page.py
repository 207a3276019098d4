"""The page of a comparison: its candidates in order, with what they cost and what they draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tuneloop.datasets.store import image_name
from tuneloop.evaluation.ranking import Ranked
from tuneloop.evaluation.reports.answer import MARKERS
from tuneloop.evaluation.reports.images import embed
from tuneloop.evaluation.reports.listing import COMPARISON_PAGES
from tuneloop.evaluation.reports.report import observations
from tuneloop.evaluation.reports.scores import ScoreTable
from tuneloop.evaluation.reports.template import LATEST, fill_page, fill_template
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GatePolicy
from tuneloop.schemas.records import ComparisonRecord
from tuneloop.schemas.spending import dollars
from tuneloop.storage.base import Store

_SIDE_PX = 480


@dataclass(frozen=True)
class ComparedModel:
    """One candidate that was trained and rendered.

    Attributes:
        what: Its trainer and account, in words.
        job: Name of its training's job.
        evaluation: Its scored images.
        ranked: Its place.
        cents: What its training has reserved, None if unknown.
        cents_per_image: Price of one of its images, None if unknown.
        training_time: From its submit to the record of its end; None where it was submitted by nobody here.
        is_champion: It is the champion already.
    """

    what: str
    job: str
    evaluation: Evaluation
    ranked: Ranked
    cents: int | None
    cents_per_image: float | None
    training_time: timedelta | None
    is_champion: bool = False

    @property
    def standing(self) -> str:
        """What can become of it."""
        if self.is_champion:
            return "is the champion"
        return "can be promoted" if self.ranked.passes else "cannot be promoted"

    @property
    def cost(self) -> str:
        """The training's price, and that of its images."""
        training = "price not known" if self.cents is None else dollars(self.cents)
        count = sum(image.name is not None for image in self.evaluation.images)
        images = "" if self.cents_per_image is None else f" at ${self.cents_per_image / 100:.4f}".rstrip("0")
        return f"{training}, and {count} images{images}"

    @property
    def duration(self) -> str:
        """The training's time as people write it."""
        if self.training_time is None:
            return "not known"
        minutes, seconds = divmod(round(self.training_time.total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours} h {minutes} min"
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


@dataclass(frozen=True)
class ComparisonReport:
    """Everything that a comparison's page shows.

    Attributes:
        models: The candidates, the best one first.
        failed: Why the others were not compared: what they are called, and the reason.
        champion_number: Number of the champion they were compared with; None without one.
        champion: Its scored images; None without one, or where a candidate is the champion.
        at: When they were ranked.
    """

    record: ComparisonRecord
    models: Sequence[ComparedModel]
    failed: Sequence[tuple[str, str]]
    champion_number: int | None
    champion: Evaluation | None
    at: datetime

    @property
    def policy(self) -> GatePolicy:
        return self.record.runs[0].plan.gate

    @property
    def confidence(self) -> str:
        return f"{self.policy.confidence:.0%}"

    @property
    def against_champion(self) -> bool:
        return self.champion_number is not None

    @property
    def asks(self) -> bool:
        """Whether a person can promote one of them."""
        return any(model.standing == "can be promoted" for model in self.models)

    @property
    def summary(self) -> str:
        """What came of it, in a sentence."""
        if not self.models:
            return "No candidate could be trained and rendered."
        first = self.models[0]
        if not first.ranked.passes:
            return "No candidate meets the thresholds."
        return f"{first.what} is first of {len(self.models)}. {first.ranked.result.reason}"

    def rival_of(self, model: ComparedModel) -> str:
        """Whom it was compared with."""
        if model.ranked.rival is None:
            return "the champion" if self.against_champion else "nobody"
        return next(each.what for each in self.models if each.ranked.index == model.ranked.rival)


def comparison_page_name(record: ComparisonRecord, against: int) -> str:
    """Name of a comparison's page within the store: one for each run and champion it was ranked against."""
    return f"{_folder(record)}{record.flow_run}-vs{against:04d}.html"


def latest_comparison_page_name(record: ComparisonRecord) -> str:
    """Name of a copy of the newest page of the comparisons of one name: it stays the same."""
    return f"{_folder(record)}{LATEST}"


def _folder(record: ComparisonRecord) -> str:
    return f"{COMPARISON_PAGES}{record.name}/"


def write_comparison_page(store: Store, report: ComparisonReport) -> str:
    """Write the page as one HTML file that asks nobody for anything and runs no script."""
    columns = [(model.what, model.evaluation) for model in report.models]
    if report.champion is not None:
        columns.append((f"champion v{report.champion_number}", report.champion))
    count = min((len(evaluation.images) for _, evaluation in columns), default=0)
    rows = [[(what, evaluation.images[place]) for what, evaluation in columns] for place in range(count)]
    names = [image.name for row in rows for _, image in row if image.name]
    names += [_before(row[0][1]) for row in rows if row[0][1].edited]
    whole = [model.ranked.whole for model in report.models if model.ranked.whole is not None]
    return fill_page(
        "comparison.html",
        store,
        report=report,
        markers=MARKERS,
        scores=ScoreTable(tuple(whole), report.policy),
        rows=rows,
        before=_before,
        images=embed(store, names, max_side_px=_SIDE_PX),
        observations=observations,
    )


def _before(image: EvaluatedImage) -> str:
    return image_name(image.edited or "")


def write_comparison_in_short(report: ComparisonReport, page: str) -> str:
    """Write the ranking in short: markdown. `page` is a link to the whole."""
    return fill_template("comparison.md", report=report, page=page)

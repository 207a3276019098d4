"""The report of one decision in short, as markdown: it is the run's artifact and a file in the store.

The whole of it is a page, see `tuneloop.evaluation.reports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneloop.datasets.store import image_name
from tuneloop.errors import ObjectNotFound
from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.observations import most_informative, observations, signed
from tuneloop.schemas.dataset import DatasetDifference, DatasetManifest
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GateResult
from tuneloop.schemas.gate import ScoreDifference
from tuneloop.schemas.records import AnyTrainingRecord, Collected, Promotion, RunRecord
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.storage.base import Store

OUTCOMES = {"promote": "promoted", "reject": "not promoted", "undecided": "undecided"}

_RENDER_SIDE_PX = 200
_MAX_PAIRS = 12
_PROMPT_CHARACTERS = 300


@dataclass(frozen=True)
class DecisionReport:
    """Everything a report shows.

    What is of the champion is None for a first model. `manifest`, `history` and `collected` are the challenger's.

    Attributes:
        champion_history: Every champion until now, oldest first.
        cents: Price of the training in US cents, None if unknown.
        cents_per_image: Price of one of the challenger's images in US cents, None if unknown.
        decision: Name of the decision record within the store, None where it is not known yet.
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


def write_report(store: Store, report: DecisionReport) -> str:
    """Write the report in short: markdown with thumbnails inside."""
    against = report.current_champion.number if report.current_champion else 0
    review = (
        f"A review is required: press *Resume* on the run's page, or `{report.run.review_command}` "
        "(`--reject` keeps the champion)."
    )
    parts = [
        f"# {report.run.model}: {OUTCOMES[report.result.verdict]}",
        f"**{in_markdown(report.result.reason)}**",
        *([review] if report.result.verdict == "undecided" else []),
        f"Rule: {in_markdown(report.result.rule)}.",
        f"Everything, and images to enlarge: `{store.uri_of(page_name(report.run, against))}`",
        "## Scores",
        _score_table(report),
        "## Images",
        _image_grid(store, report),
        "## Dataset",
        _dataset_section(report),
        "## Training",
        _training_table(store, report),
    ]
    return "\n\n".join(parts) + "\n"


def _score_table(report: DecisionReport) -> str:
    differences = report.result.differences
    if not differences:
        return "No image could be measured."
    if all(item.difference is None for item in differences):
        rows = (_row([_score_name(item), f"{item.challenger:.3f}"]) for item in differences)
        return "\n".join(["| | score |", "|---|--:|", *rows])
    confidence = f"{report.run.plan.gate.confidence:.0%} interval"
    lines = [_row(["", "champion", "challenger", "difference", confidence]), "|---|--:|--:|--:|:-:|"]
    legend = "▲ the challenger is surely better, ▼ the champion; no sign: nobody can tell."
    if report.result.by_thresholds:
        legend += " The scores had no say in this decision."
    return "\n".join([*lines, *(_compared(item) for item in differences), "", legend])


def _compared(item: ScoreDifference) -> str:
    low, high = item.low or 0.0, item.high or 0.0
    champion = "" if item.champion is None else f"{item.champion:.3f}"
    difference = "" if item.difference is None else signed(item.difference, 3)
    arrow = " ▲" if low > 0 else " ▼" if high < 0 else ""
    interval = f"{signed(low, 3)} to {signed(high, 3)}{arrow}"
    return _row([_score_name(item), champion, f"{item.challenger:.3f}", difference, interval])


def _score_name(item: ScoreDifference) -> str:
    return "**score**, all weighted" if item.name == WEIGHTED else in_markdown(item.name)


def _image_grid(store: Store, report: DecisionReport) -> str:
    """The images that tell most, champion and challenger side by side."""
    new, old = report.challenger.images, report.champion.images if report.champion else ()
    chosen = most_informative(new, old, _MAX_PAIRS)
    columns = ["prompt and seed"]
    if any(image.edited for image in new):
        columns.append("before")
    if report.champion is not None and report.current_champion is not None:
        columns.append(f"champion v{report.current_champion.number} `{report.champion.job}`")
    columns.append(f"challenger `{report.challenger.job}`")
    lines = [_row(columns), _row(["---", *[":-:"] * (len(columns) - 1)])]
    for number in chosen:
        image = new[number]
        cells = [f"{in_markdown(image.prompt[:_PROMPT_CHARACTERS])}, seed {image.seed}"]
        if "before" in columns:
            name = image_name(image.edited) if image.edited else None
            cells.append(_thumbnail(store, name, "before the edit") if name else "none")
        if old:
            cells.append(_shown(store, old[number]))
        lines.append(_row([*cells, _shown(store, image)]))
    if len(chosen) < len(new):
        lines += ["", f"The {len(chosen)} of {len(new)} that tell most; the page has all of them."]
    if again := report.challenger.asked_again:
        lines += ["", f"Asked for once more, because an answer was lost: {again}. Each may be billed."]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(store: Store, image: EvaluatedImage) -> str:
    shown = _thumbnail(store, image.name, f"seed {image.seed}") if image.name else "(no image)"
    wrong = observations(image)
    return f"{shown} {in_markdown(wrong)}" if wrong else shown


def _dataset_section(report: DecisionReport) -> str:
    manifest, difference = report.manifest, report.dataset_difference
    captioned = sum(item.caption is not None for item in manifest.items)
    rows = [
        ("source", _code(manifest.source)),
        ("images", f"{len(manifest.items)} ({captioned} sent with a caption), {manifest.size_bytes:,} bytes"),
        ("digest", f"`{manifest.digest}`"),
    ]
    if difference is not None:
        rows.append(("compared with the champion's", difference.summary))
    return _two_columns(rows)


def _training_table(store: Store, report: DecisionReport) -> str:
    collected = report.collected
    weights = store.uri_of(collected.weights) if collected.weights else "stay at the provider, under its id"
    rows = [
        ("account", f"{report.run.account.slug}"),
        ("job", f"`{collected.name}`, provider's id {_code(collected.job_id)}"),
        ("weights", f"`{weights}`"),
    ]
    if collected.sha256:
        rows.append(("sha256", f"`{collected.sha256}`, {collected.size_bytes or 0:,} bytes"))
    rows += [(record.state, f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC") for record in report.steps]
    return _two_columns(rows)


def _two_columns(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _thumbnail(store: Store, name: str, alternative: str) -> str:
    try:
        address = thumbnail_address(store.read(name), _RENDER_SIDE_PX)
    except ObjectNotFound:
        address = None
    return f"![{alternative}]({address})" if address else f"({alternative}: not readable)"


def _code(text: str) -> str:
    """Make a text safe inside a table cell, as code."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", "\\|") + "`"

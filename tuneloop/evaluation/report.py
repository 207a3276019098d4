"""The report of one decision, as markdown: it is the run's artifact and a file in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneloop.dataset.keep import picture_name
from tuneloop.errors import NotInStore
from tuneloop.evaluation.thumbnail import thumbnail_address
from tuneloop.storage.store import Store
from tuneloop.values.dataset import DatasetDifference, DatasetManifest
from tuneloop.values.evaluation import Evaluation, JudgedPicture, Verdict
from tuneloop.values.records import AnyTrainingRecord, Collected, Promotion, RunFile

_RENDER_SIDE_PX = 200
_SAMPLE_SIDE_PX = 96
_SAMPLES = 6


@dataclass(frozen=True)
class Evidence:
    """Everything a report shows.

    Attributes:
        run: What the flow run worked on.
        manifest: The challenger's dataset.
        history: The training's records.
        collected: The challenger's weights.
        challenger: The challenger's pictures.
        champion: The champion's pictures, None for a first model.
        reigning: The champion's promotion, None for a first model.
        champion_manifest: The champion's dataset, None for a first model.
        verdict: What was decided.
    """

    run: RunFile
    manifest: DatasetManifest
    history: list[AnyTrainingRecord]
    collected: Collected
    challenger: Evaluation
    champion: Evaluation | None
    reigning: Promotion | None
    champion_manifest: DatasetManifest | None
    verdict: Verdict


def report_name(run: RunFile, against: int) -> str:
    """Name of the report within the store: one per model version, plan and champion it was judged against."""
    return f"models/{run.model}/reports/{run.key[:16]}-g{run.generation}-{run.plan.digest}-vs{against:04d}.md"


def write_report(store: Store, evidence: Evidence) -> str:
    """Spell the whole report.

    Args:
        store: Where the pictures are.
        evidence: What to show.

    Returns:
        Markdown with thumbnails inside.
    """
    outcome = "promoted" if evidence.verdict.verdict == "promote" else "not promoted"
    parts = [
        f"# {evidence.run.model}: {outcome}",
        f"**{_cell(evidence.verdict.why)}**",
        f"Rule: {evidence.verdict.rule}.",
        "## Pictures",
        _picture_grid(store, evidence),
        "## Dataset",
        _dataset_section(store, evidence),
        "## Training",
        _training_table(store, evidence),
    ]
    return "\n\n".join(parts) + "\n"


def _picture_grid(store: Store, evidence: Evidence) -> str:
    """Champion and challenger side by side: a table for each prompt, a row for each seed."""
    new, old = evidence.challenger.pictures, evidence.champion.pictures if evidence.champion else ()
    columns = ["seed"]
    if any(picture.edited for picture in new):
        columns.append("before")
    if evidence.champion is not None and evidence.reigning is not None:
        columns.append(f"champion no. {evidence.reigning.number} `{evidence.champion.job}`")
    columns.append(f"challenger `{evidence.challenger.job}`")
    lines: list[str] = []
    for number, picture in enumerate(new):
        if number == 0 or picture.prompt != new[number - 1].prompt:
            lines += ["", f"### {_cell(picture.prompt)}", "", _row(columns), _row([":-:"] * len(columns))]
        cells = [str(picture.seed)]
        if "before" in columns:
            cells.append(_before(store, picture))
        if old:
            cells.append(_shown(store, old[number]))
        lines.append(_row([*cells, _shown(store, picture)]))
    if evidence.challenger.asked_again:
        lines += [
            "",
            f"Asked for twice, because an answer was lost: {evidence.challenger.asked_again}. Both may be billed.",
        ]
    return "\n".join(lines).strip()


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _before(store: Store, picture: JudgedPicture) -> str:
    """The picture that was edited."""
    if picture.edited is None:
        return "none"
    return _thumbnail(store, picture_name(picture.edited), "before the edit", _RENDER_SIDE_PX)


def _shown(store: Store, picture: JudgedPicture) -> str:
    note = f" {_cell(picture.finding)}" if picture.finding else ""
    if picture.name is None:
        return f"(no picture){note}"
    return _thumbnail(store, picture.name, f"{picture.prompt}, seed {picture.seed}", _RENDER_SIDE_PX) + note


def _dataset_section(store: Store, evidence: Evidence) -> str:
    manifest = evidence.manifest
    captioned = sum(item.caption is not None for item in manifest.items)
    rows = [
        ("source", f"`{manifest.source}`"),
        ("pictures", f"{len(manifest.items)} ({captioned} sent with a caption), {manifest.size_bytes:,} bytes"),
        ("digest", f"`{manifest.digest}`"),
    ]
    if evidence.champion_manifest is not None:
        rows.append(
            (
                "compared with the champion's",
                DatasetDifference.between(evidence.champion_manifest, manifest).in_words,
            )
        )
    return _two_columns(rows) + "\n\n" + _samples(store, manifest)


def _samples(store: Store, manifest: DatasetManifest) -> str:
    """Some training pictures in one row, evenly picked."""
    if not manifest.items:
        return ""
    step = max(1, len(manifest.items) // _SAMPLES)
    picked = manifest.items[::step][:_SAMPLES]
    shown = [_thumbnail(store, picture_name(item.sha256), item.file_name, _SAMPLE_SIDE_PX) for item in picked]
    return f"|{' |' * len(shown)}\n|{'---|' * len(shown)}\n| {' | '.join(shown)} |"


def _training_table(store: Store, evidence: Evidence) -> str:
    collected = evidence.collected
    weights = store.uri_of(collected.weights) if collected.weights else "stay at the provider, under its id"
    rows = [
        ("account", f"{evidence.run.account.slug}"),
        ("job", f"`{collected.name}`, provider's id `{collected.job_id}`"),
        ("weights", f"`{weights}`"),
    ]
    if collected.sha256:
        rows.append(("sha256", f"`{collected.sha256}`, {collected.size_bytes or 0:,} bytes"))
    rows += [(record.state, f"{record.at:%Y-%m-%d %H:%M:%S} UTC") for record in _steps(evidence)]
    return _two_columns(rows)


def _steps(evidence: Evidence) -> list[AnyTrainingRecord]:
    return [item for item in evidence.history if item.generation == evidence.run.generation]


def _two_columns(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _thumbnail(store: Store, name: str, alternative: str, side_px: int) -> str:
    try:
        address = thumbnail_address(store.read(name), side_px)
    except NotInStore:
        address = None
    text = _cell(alternative).replace("[", "(").replace("]", ")")
    return f"![{text}]({address})" if address else f"({text}: not readable)"


def _cell(text: str) -> str:
    """Make a text safe inside a table cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

"""The page of one decision: the verdict, the images side by side, and everything it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from tuneloop.datasets.store import manifest_name
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.evaluation.reports.grid import champion_label, prompt_rows
from tuneloop.evaluation.reports.html import StoreLink, fill_template, store_link, truncate
from tuneloop.evaluation.reports.images import embed
from tuneloop.evaluation.reports.observations import observations
from tuneloop.evaluation.reports.report import OUTCOMES, DecisionReport
from tuneloop.evaluation.reports.scores import score_table
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.gate import GatePolicy
from tuneloop.schemas.spending import dollars
from tuneloop.storage.base import Store

_NAMES_SHOWN = 12
_PROMPT_CHARACTERS = 80
_VALUE_CHARACTERS = 400


class Fact(NamedTuple):
    """One line of a list of facts."""

    name: str
    value: str
    code: bool = False
    """Whether the value is for copying."""
    link: StoreLink | None = None


def write_page(store: Store, report: DecisionReport) -> str:
    """Write the whole report as one HTML file that asks nobody for anything, below 2 MB for some hundred images.

    The store is where the images are and where the page will lie: its links are relative to that place.
    """
    difference = report.dataset_difference
    rows = prompt_rows(report)
    return fill_template(
        "report.html",
        store,
        script="script.js",
        model=report.run.model,
        outcome=OUTCOMES[report.result.verdict],
        about=_about(report),
        review_command=report.run.review_command,
        result=report.result,
        champion=report.champion is not None,
        nearest=any(image.nearest for image in report.challenger.images),
        copy_threshold=f"{COPY_THRESHOLD:.0%}",
        edits=any(image.edited for image in report.challenger.images),
        rows=rows,
        images=embed(store, [cell.name for row in rows for pair in row.pairs for cell in pair.cells if cell.name]),
        scores=score_table(report),
        clip_model=report.challenger.clip_model,
        confidence=f"{report.run.plan.gate.confidence:.0%}",
        findings=list(_findings(report)),
        difference=difference.summary if difference else None,
        changes=_dataset_changes(report),
        dataset=_dataset(store, report),
        cost=_cost(report),
        lineage=_lineage(store, report),
        recipe=[
            Fact(name, truncate(str(value), _VALUE_CHARACTERS)) for name, value in _flat("", report.run.recipe)
        ],
        champion_history=report.champion_history,
        rule=_rule(report.run.plan.gate),
    )


def _about(report: DecisionReport) -> str:
    against = (
        f"against champion v{report.current_champion.number}" if report.current_champion else "first of its model"
    )
    count = f"{len(report.challenger.images)} images" + (" each" if report.current_champion else "")
    trained = f"weights of {report.collected.created_at:%Y-%m-%d}"
    return f"Challenger {report.collected.name}, {against}, {count}, {trained}"


def _findings(report: DecisionReport) -> Iterator[tuple[int, str, str, str]]:
    """Everything wrong with any image, the challenger's first: its pair, whose it is, what is wrong, and where."""
    for label, evaluation in (("Challenger", report.challenger), (champion_label(report), report.champion)):
        for number, image in enumerate(evaluation.images if evaluation else (), 1):
            if wrong := observations(image):
                yield number, label, wrong, f"{truncate(image.prompt, _PROMPT_CHARACTERS)}, seed {image.seed}"


def _dataset_changes(report: DecisionReport) -> list[tuple[str, int, list[str]]]:
    """What has changed since the champion's dataset: what happened, to how many files, and the first names."""
    difference = report.dataset_difference
    if difference is None:
        return []
    every = {
        "Added": difference.added,
        "Removed": difference.removed,
        "Caption changed": difference.captions_changed,
    }
    return [
        (title, len(names), [truncate(name, _PROMPT_CHARACTERS) for name in names[:_NAMES_SHOWN]])
        for title, names in every.items()
        if names
    ]


def _dataset(store: Store, report: DecisionReport) -> list[Fact]:
    manifest = report.manifest
    captioned = sum(item.caption is not None for item in manifest.items)
    link = store_link(store, manifest_name(manifest.digest))
    return [
        Fact("Images", f"{len(manifest.items)}, {captioned} sent with a caption, {manifest.size_bytes:,} bytes"),
        Fact("Found in", truncate(manifest.source, _VALUE_CHARACTERS)),
        Fact("Digest", manifest.digest, code=True, link=link),
    ]


def _cost(report: DecisionReport) -> list[Fact]:
    """What was paid, as far as the records know it."""
    price = "not known to Tuneloop" if report.cents is None else dollars(report.cents)
    cents, each = report.cents_per_image, "What one costs is not known to Tuneloop"
    if cents is not None:
        each = "A new one costs " + (f"${cents / 100:.4f}".rstrip("0") if cents % 1 else dollars(int(cents)))
    facts = [
        Fact("Training", f"{price}, billed to {report.run.account.slug}"),
        Fact("Images of the challenger", f"{_rendered(report.challenger)}. {each}"),
    ]
    if report.champion is not None:
        facts.append(Fact("Images of the champion", _rendered(report.champion)))
    return facts


def _rendered(evaluation: Evaluation) -> str:
    count = sum(image.name is not None for image in evaluation.images)
    text = f"{count} of {len(evaluation.images)}; those of earlier decisions are used again and cost nothing"
    if evaluation.asked_again:
        text += f". {evaluation.asked_again} asked for once more, because an answer was lost: each may be billed"
    return text


def _lineage(store: Store, report: DecisionReport) -> list[Fact]:
    """Where the challenger comes from, and who decides about it."""
    run, collected = report.run, report.collected
    facts = [
        Fact("Training key", run.key, code=True),
        Fact("Job", collected.name, code=True),
        Fact("Provider's id", collected.job_id, code=True),
        Fact("Account", run.account.slug),
    ]
    if collected.weights:
        facts.append(_stored("Weights", store, collected.weights))
    else:
        facts.append(Fact("Weights", "stay at the provider, under its id"))
    if collected.sha256:
        facts.append(Fact("Sha256 of the weights", collected.sha256, code=True))
        facts.append(Fact("Size of the weights", f"{collected.size_bytes or 0:,} bytes"))
    facts += [
        Fact(record.state.capitalize(), f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC") for record in report.steps
    ]
    facts.append(Fact("Decided by", report.decided_by))
    if report.decision:
        facts.append(_stored("Decision", store, report.decision))
    facts.append(Fact("Flow run", run.flow_run, code=True))
    return facts


def _stored(name: str, store: Store, object_name: str) -> Fact:
    link = store_link(store, object_name)
    return Fact(name, link.uri, code=True, link=link)


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """The values of a recipe that are set, each under its full name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif value is not None:
        yield name or "recipe", str(value)


def _rule(gate: GatePolicy) -> list[tuple[str, str, str]]:
    """The gate's settings: name, value, and what it means."""
    return [
        (name.replace("_", " "), str(getattr(gate, name)), field.description or "")
        for name, field in GatePolicy.model_fields.items()
        if name != "weights"
    ]

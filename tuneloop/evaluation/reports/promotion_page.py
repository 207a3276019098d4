"""The page of one decision: the verdict, the images side by side, and everything it rests on."""

from __future__ import annotations

from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.evaluation.reports import facts
from tuneloop.evaluation.reports.grid import scenes
from tuneloop.evaluation.reports.report import OUTCOMES, DecisionReport
from tuneloop.evaluation.reports.scores import scores
from tuneloop.evaluation.reports.shortening import shortened, whole_if_cut
from tuneloop.evaluation.reports.templates import fill
from tuneloop.storage.base import Store

_WHY = 400


def write_page(store: Store, evidence: DecisionReport) -> str:
    """Spell the whole report as one HTML file that asks nobody for anything.

    Args:
        store: Where the images are, and where the page will lie: its links are relative to that place.
        evidence: What to show.

    Returns:
        The page, below 2 MB for some hundred images.
    """
    difference = evidence.dataset_difference
    return fill(
        "report.html",
        script="script.js",
        model=evidence.run.model,
        outcome=OUTCOMES[evidence.result.verdict],
        about=_about(evidence),
        review_command=evidence.run.review_command,
        verdict=evidence.result,
        why=shortened(evidence.result.reason, _WHY),
        whole_why=whole_if_cut(evidence.result.reason, _WHY),
        champion=evidence.champion is not None,
        nearest=any(image.nearest for image in evidence.challenger.images),
        copied_from=f"{COPY_THRESHOLD:.0%}",
        edits=any(image.edited for image in evidence.challenger.images),
        scenes=scenes(store, evidence),
        scores=scores(evidence),
        confidence=f"{evidence.run.plan.gate.confidence:.0%}",
        findings=facts.findings(evidence),
        difference=difference.in_words if difference else None,
        changes=facts.dataset_changes(evidence),
        dataset=facts.dataset_facts(store, evidence),
        cost=facts.cost(evidence),
        lineage=facts.lineage(store, evidence),
        recipe=facts.recipe(evidence),
        line=evidence.line,
        rule=facts.policy(evidence),
    )


def _about(evidence: DecisionReport) -> str:
    against = f"against champion no. {evidence.reigning.number}" if evidence.reigning else "first of its model"
    count = f"{len(evidence.challenger.images)} images" + (" each" if evidence.reigning else "")
    trained = f"weights of {evidence.collected.created_at:%Y-%m-%d}"
    return f"Challenger {evidence.collected.name}, {against}, {count}, {trained}"

"""Trainings in Replicate's responses.

Source: Replicate, OpenAPI document of March 2026 (fields, states, pages). A training has no name: ours travels in
an input that has no effect, which every response shows again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuneloop.clock import moment_of
from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.providers.replicate.recipes import RECIPES
from tuneloop.providers.response_fields import (
    RowUnreadable,
    id_of,
    may_be_ours,
    most_advanced,
    phase_of,
    same_status,
    shown_text,
    skipped_row_note,
    text_of,
)
from tuneloop.schemas.training import JobList, JobStatus, Phase, is_job_name

PHASES: dict[str, Phase] = {
    "starting": "running",
    "processing": "running",
    "succeeded": "ready",
    "failed": "failed",
    "canceled": "failed",
    "aborted": "failed",
}
_NAME_INPUTS = {recipe.trained_on: recipe.name_input for recipe in RECIPES}


def status_of(row: Any, secrets: tuple[str, ...]) -> JobStatus:
    """The training in a response. Raises `RowUnreadable` where it is not as documented."""
    if not isinstance(row, dict):
        raise RowUnreadable(f"it is a {type(row).__name__}, no object")
    job_id, word = id_of(row.get("id")), text_of(row.get("status"))
    if job_id is None:
        raise RowUnreadable("it has no id")
    if word is None:
        raise RowUnreadable("its status is no text")
    phase, known = phase_of(word, PHASES)
    reason = shown_text(row.get("error"), secrets)
    times = (moment_of(row.get(name)) for name in ("completed_at", "started_at", "created_at"))
    return JobStatus(
        job_id=job_id,
        name=name_in(row) or "",
        phase=phase,
        provider_status=word.strip(),
        known=known,
        error_message=reason or (f"Replicate says {word.strip()}" if phase == "failed" else None),
        billed=_is_billed(row, word),
        changed_at=next((moment for moment in times if moment is not None), None),
    )


def _is_billed(row: dict[str, Any], word: str) -> bool:
    """Return True if a training that has failed is billed: for the time that it ran, not if it was aborted."""
    if same_status(word, "canceled"):
        return True
    metrics = row.get("metrics")
    ran_s = metrics.get("predict_time") if isinstance(metrics, dict) else None
    return same_status(word, "failed") and isinstance(ran_s, int | float) and ran_s > 0


def name_in(row: Any) -> str | None:
    """The name that a training was given; "" where it was given none by us, None where nobody can tell."""
    if not isinstance(row, dict):
        return None
    model, sent = row.get("model"), row.get("input")
    if isinstance(model, str) and model not in _NAME_INPUTS:
        return ""
    # An input that is empty has been removed.
    if not isinstance(model, str) or not isinstance(sent, dict) or not sent:
        return None
    return text_of(sent.get(_NAME_INPUTS[model])) or ""


@dataclass
class Listed:
    """What the pages of a list have shown so far."""

    since: datetime | None
    """No job that is looked for can be older; None where nobody knows."""
    jobs: dict[str, JobStatus] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_complete: bool = True

    def add(self, response: Response) -> str | None:
        """Take over one page, and return the address of the next one; None where it is the last.

        Raises `UnexpectedResponse` where it is no page.
        """
        document = response.json()
        rows = document.get("results") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise UnexpectedResponse("a page of trainings should have a list of results", **response.details)
        for row in rows:
            self._add_row(row, response.secrets)
        self.is_complete &= "next" in document
        return text_of(document.get("next"))

    def _add_row(self, row: Any, secrets: tuple[str, ...]) -> None:
        name = name_in(row)
        try:
            job = status_of(row, secrets)
            self.jobs[job.job_id] = most_advanced(self.jobs.get(job.job_id), job)
        except RowUnreadable as error:
            if name and is_job_name(name):
                self.unreadable[name] = str(error)
            else:
                job_id = id_of(row.get("id")) if isinstance(row, dict) else None
                self.notes.append(skipped_row_note(job_id, name, error))
        made = moment_of(row.get("created_at")) if isinstance(row, dict) else None
        too_old = made is not None and self.since is not None and made < self.since
        # A training without its true name may be anybody's, so that its list proves nobody's absence.
        if may_be_ours(name) and not too_old:
            self.is_complete = False

    def result(self) -> JobList:
        """All of it as one list."""
        return JobList(
            jobs=tuple(self.jobs.values()),
            shown=frozenset(self.jobs),
            unreadable=self.unreadable,
            notes=tuple(self.notes),
            list_is_complete=self.is_complete,
        )

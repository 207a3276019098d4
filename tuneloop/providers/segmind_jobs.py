"""Fine-tunes in Segmind's answers.

Sources: Segmind's Flux and Flux Kontext fine-tuning pages (fields, status words). Where the pages differ (`id`,
`request_id` or `finetune_id`), every spelling is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuneloop.errors import UnexpectedAnswer
from tuneloop.http.answer import Answer
from tuneloop.providers.list_rows import (
    RowUnreadable,
    further_one,
    id_of,
    may_be_cut,
    may_be_ours,
    note_on,
    shown_text,
    text_of,
)
from tuneloop.providers.status_words import phase_of
from tuneloop.values.training import JobList, JobStatus, Phase, is_job_name

PHASES: dict[str, Phase] = {
    "REQUESTED": "running",
    "QUEUED": "running",
    "RETRIED": "running",
    "DATA_PROCESSING": "running",
    "TRAINING_INITIATED": "running",
    "TRAINING_COMPLETED": "trained",
    "INFERENCE_QUEUED": "trained",
    "DEPLOYING": "trained",
    "AVAILABLE": "ready",
    "FAILED": "failed",
}
"""Status words. The pages say INFERENCE_QUEUED where the webhook page says DEPLOYING: one stage, two names."""

ID_FIELDS = ("finetune_id", "request_id", "id")
"""The id that inference takes, else whichever the answer has."""


@dataclass(frozen=True)
class Job:
    """One fine-tune.

    Attributes:
        status: Its state.
        slug: Last part of the model's own address, once it has one.
        cloud_storage_url: Where its weights lie, once they exist.
    """

    status: JobStatus
    slug: str | None
    cloud_storage_url: str | None


def details_of(answer: Answer) -> Job:
    """The fine-tune in a details response. Raises `UnexpectedAnswer` where there is none."""
    document = answer.json()
    if not isinstance(document, dict) or "finetune" not in document:
        raise UnexpectedAnswer("the details should hold a finetune", **answer.details)
    try:
        return _job(document["finetune"], answer)
    except RowUnreadable as error:
        raise UnexpectedAnswer(f"a fine-tune is not as documented: {error}", **answer.details) from None


def list_of(answer: Answer) -> JobList:
    """Every fine-tune of the list response. Raises `UnexpectedAnswer` where it is no list."""
    rows = answer.json()
    if not isinstance(rows, list):
        raise UnexpectedAnswer("the list of fine-tunes should be a JSON array", **answer.details)
    jobs: dict[str, JobStatus] = {}
    unreadable: dict[str, str] = {}
    notes: list[str] = []
    for row in rows:
        try:
            job = _job(row, answer).status
            jobs[job.job_id] = further_one(jobs.get(job.job_id), job)
        except RowUnreadable as error:
            fields = row if isinstance(row, dict) else {}
            job_id, name = _job_id(fields), text_of(fields.get("name"))
            if name and is_job_name(name):
                unreadable[name] = str(error)
            else:
                notes.append(note_on(job_id, name, error))
    # A row without its true name may be anybody's, so that its list proves nobody's absence.
    doubtful = any(may_be_ours(text_of(row.get("name")) if isinstance(row, dict) else None) for row in rows)
    return JobList(
        jobs=tuple(jobs.values()),
        shown=frozenset(job_id for row in rows if isinstance(row, dict) and (job_id := _job_id(row))),
        unreadable=unreadable,
        notes=tuple(notes),
        may_be_cut=doubtful or may_be_cut(len(rows), answer.headers, rows),
    )


def _job(row: Any, answer: Answer) -> Job:
    if not isinstance(row, dict):
        raise RowUnreadable(f"it is a {type(row).__name__}, no object")
    job_id, word = _job_id(row), text_of(row.get("status"))
    if job_id is None:
        raise RowUnreadable("it has no id")
    if word is None:
        raise RowUnreadable("its status is no text")
    phase, known = phase_of(word, PHASES)
    status = JobStatus(
        job_id=job_id,
        name=text_of(row.get("name")) or "",
        phase=phase,
        word=word.strip(),
        known=known,
        error_message=shown_text(row.get("error_message"), answer.secrets),
        changed_at=_moment(row.get("updated_ts")),
    )
    return Job(status, text_of(row.get("slug")), text_of(row.get("cloud_storage_url")))


def _job_id(row: dict[str, Any]) -> str | None:
    return next((found for field in ID_FIELDS if (found := id_of(row.get(field)))), None)


def _moment(text: object) -> datetime | None:
    """Read a time that is only shown to people: an odd one is no reason to stop."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

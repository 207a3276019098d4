"""Fine-tunes in Segmind's responses.

Sources: Segmind's Flux, Flux Kontext and Qwen fine-tuning pages (fields, status words). They name a job by `id`,
`request_id` or `finetune_id`, often by two of these at once, and no page says that both have one value: a job is
known by the one that its submit returns, and by every other one too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneloop.clock import moment_of
from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.providers.response_fields import (
    RowUnreadable,
    id_of,
    may_be_ours,
    may_be_truncated,
    most_advanced,
    phase_of,
    shown_text,
    skipped_row_note,
    text_of,
)
from tuneloop.schemas.training import JobList, JobStatus, Phase, is_job_name

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

ID_FIELDS = ("request_id", "finetune_id", "id")
"""The id that the submit returns stands first: Qwen's returns a `request_id`, the others' a `finetune_id`."""


@dataclass(frozen=True)
class Job:
    """One fine-tune.

    Attributes:
        status: Its state.
        finetune_id: The id that inference takes.
        slug: Last part of the model's own address, once it has one.
        cloud_storage_url: Where its weights lie, once they exist.
    """

    status: JobStatus
    finetune_id: str
    slug: str | None
    cloud_storage_url: str | None


def details_of(response: Response) -> Job:
    """The fine-tune in a details response. Raises `UnexpectedResponse` where there is none."""
    document = response.json()
    if not isinstance(document, dict) or "finetune" not in document:
        raise UnexpectedResponse("the details should hold a finetune", **response.details)
    try:
        return _job(document["finetune"], response)
    except RowUnreadable as error:
        raise UnexpectedResponse(f"a fine-tune is not as documented: {error}", **response.details) from None


def list_of(response: Response) -> JobList:
    """Every fine-tune of the list response. Raises `UnexpectedResponse` where it is no list."""
    rows = response.json()
    if not isinstance(rows, list):
        raise UnexpectedResponse("the list of fine-tunes should be a JSON array", **response.details)
    jobs: dict[str, JobStatus] = {}
    unreadable: dict[str, str] = {}
    notes: list[str] = []
    for row in rows:
        try:
            job = _job(row, response).status
            jobs[job.job_id] = most_advanced(jobs.get(job.job_id), job)
        except RowUnreadable as error:
            fields = row if isinstance(row, dict) else {}
            job_id, name = next(iter(_ids(fields)), None), text_of(fields.get("name"))
            if name and is_job_name(name):
                unreadable[name] = str(error)
            else:
                notes.append(skipped_row_note(job_id, name, error))
    # A row without its true name may be anybody's, so that its list proves nobody's absence.
    doubtful = any(may_be_ours(text_of(row.get("name")) if isinstance(row, dict) else None) for row in rows)
    return JobList(
        jobs=tuple(jobs.values()),
        shown=frozenset(job_id for row in rows if isinstance(row, dict) for job_id in _ids(row)),
        unreadable=unreadable,
        notes=tuple(notes),
        list_is_complete=not (doubtful or may_be_truncated(len(rows), response.headers, rows)),
    )


def _job(row: Any, response: Response) -> Job:
    if not isinstance(row, dict):
        raise RowUnreadable(f"it is a {type(row).__name__}, no object")
    ids, word = _ids(row), text_of(row.get("status"))
    if not ids:
        raise RowUnreadable("it has no id")
    if word is None:
        raise RowUnreadable("its status is no text")
    phase, known = phase_of(word, PHASES)
    status = JobStatus(
        job_id=ids[0],
        other_ids=frozenset(ids[1:]) - {ids[0]},
        name=text_of(row.get("name")) or "",
        phase=phase,
        provider_status=word.strip(),
        known=known,
        error_message=shown_text(row.get("error_message"), response.secrets),
        # Only shown to people: an odd one is no reason to stop.
        changed_at=moment_of(row.get("updated_ts")),
    )
    return Job(
        status,
        id_of(row.get("finetune_id")) or ids[0],
        text_of(row.get("slug")),
        text_of(row.get("cloud_storage_url")),
    )


def _ids(row: dict[str, Any]) -> list[str]:
    return [found for field in ID_FIELDS if (found := id_of(row.get(field)))]

"""fal's queue: where every training and every image waits, runs and ends.

Sources: fal, queue and request errors pages (returned addresses, states, 202 and 200, `error` of a COMPLETED one,
answers to a cancel; where the request's own addresses are not known, they are below the owner and the app alone,
whatever follows in the endpoint's id).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.fal.errors import PHASES
from tuneloop.providers.response_fields import phase_of, shown_text, text_of
from tuneloop.schemas.training import Handle, JobStatus, Submission

QUEUE_URL = "https://queue.fal.run"
URLS = ("status_url", "response_url", "cancel_url")
"""Addresses that a submit returns."""
_BELOW_REQUEST = {"status_url": "/status", "response_url": "", "cancel_url": "/cancel"}
_STATUS_CODES = (200, 202)
_CANCEL_CODES = (200, 202, 400, 404)


class FalQueue:
    """Questions about requests, by the addresses that their submit returned."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def status(self, job: Submission) -> JobStatus:
        response = self._transport.call("GET", self._path(job, "status_url"), accept=_STATUS_CODES)
        document = response.json()
        word = text_of(document.get("status")) if isinstance(document, dict) else None
        if word is None:
            raise UnexpectedResponse("the response names no status", **response.details)
        phase, known = phase_of(word, PHASES)
        error = shown_text(document.get("error"), response.secrets)
        if phase == "ready" and (error or document.get("error_type")):
            phase, word = "failed", f"{word} ({document.get('error_type') or 'error'})"
        return JobStatus(
            job_id=job.job_id,
            name=job.handle.get("name", ""),
            phase=phase,
            provider_status=word,
            known=known,
            error_message=error if phase == "failed" else None,
            # It may have run before that, and is billed then; nothing tells.
            billed=phase == "failed" and document.get("error_type") == "client_cancelled",
        )

    def result(self, job: Submission) -> Response:
        """What the request has come to. Of one that has failed, the error it failed with is raised."""
        return self._transport.call("GET", self._path(job, "response_url"))

    def cancel(self, job: Submission) -> bool:
        """Whether fal has taken the wish: a request that runs may still come to its end, and be paid."""
        response = self._transport.call("PUT", self._path(job, "cancel_url"), accept=_CANCEL_CODES)
        if response.status not in _STATUS_CODES:
            return False
        document = response.json() if response.body else {}
        return not (isinstance(document, dict) and document.get("success") is False)

    def _path(self, job: Submission, which: str) -> str:
        """The path of an address, which must be on the queue's own host: the key goes along."""
        url = job.handle.get(which)
        if url is None:
            owner, app, *_ = job.handle["endpoint"].split("/")
            return f"/{owner}/{app}/requests/{job.job_id}{_BELOW_REQUEST[which]}"
        for base in (self._transport.base_url, QUEUE_URL):
            if url.startswith(base + "/"):
                return url[len(base) :]
        host = urlsplit(url).hostname
        raise UnexpectedResponse(
            f"the {which} of request {job.job_id} points to {host}, which is not fal's queue: it is not followed; "
            "check the base URL",
            provider=self._transport.provider,
        )


def handle_of(document: Any, endpoint: str, name: str) -> Handle:
    """What finds a request again, from the response to its submit."""
    returned = {key: url for key in URLS if (url := text_of(document.get(key))) is not None}
    return {"endpoint": endpoint, "name": name, **returned}

"""fal's platform API: whether a trainer is offered, what it costs, and which requests there were.

Source: its OpenAPI (`/v1`, August 2026). It does not say whether its list of requests shows those that wait or
run, so that absence from it proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tuneloop.clock import moment_of, now
from tuneloop.errors import NotFoundAtProvider, ProviderError, TrainerRetired, UnexpectedResponse
from tuneloop.http.transport import Transport
from tuneloop.providers.fal.storage import file_name_in
from tuneloop.providers.fal.trainer import Trainer
from tuneloop.providers.fal.trainers import BY_ENDPOINT
from tuneloop.providers.response_fields import (
    RowUnreadable,
    id_of,
    most_advanced,
    shown_text,
    skipped_row_note,
    text_of,
)
from tuneloop.schemas.training import JobList, JobStatus, Phase, is_job_name

_KEPT = timedelta(days=30)
"""How long the payloads of requests are kept, which hold the job's name."""
_MARGIN = timedelta(days=1)
_PAGE = 100
_MAX_PAGES = 100
_STEP_UNIT = re.compile(r"(?:(?P<number>\d+)\s+)?(?:training\s+)?steps?", re.IGNORECASE)
_NAMED_ZIP = re.compile(r"([0-9a-f]{16}-g[0-9]+)\.zip\Z")
_ERRORS_FROM = 400


class FalPlatform:
    """Questions that cost nothing."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._cents_per_step: dict[str, float | None] = {}

    def check_offered(self, row: Trainer) -> None:
        """Raise `TrainerRetired` where the platform says that the trainer takes no such request.

        What it does not tell stops nothing.
        """
        try:
            params = {"endpoint_id": row.endpoint, "expand": "openapi-3.0"}
            document = self._transport.call("GET", "/v1/models", params=params).json()
        except ProviderError:
            return
        model = _named(document, "models", row.endpoint)
        status = _at(model, "metadata", "status")
        if isinstance(status, str) and status != "active":
            raise TrainerRetired(
                f"recipe: fal says that {row.endpoint} is {status} and takes no new trainings; choose another "
                "trainer. Nothing was paid"
            )
        inputs = _inputs(_at(model, "openapi"), row.endpoint)
        missing = [name for name in (row.zip_field, row.steps.wire_name) if inputs and name not in inputs]
        if missing:
            raise TrainerRetired(
                f"recipe: fal's {row.endpoint} has no input {' and '.join(missing)} any more, so that this "
                "version of Tuneloop cannot train with it; choose another trainer. Nothing was paid"
            )

    def cents_per_step(self, endpoint: str) -> float | None:
        """US cents for a step today, None where the platform says nothing of the kind; asked once."""
        if endpoint not in self._cents_per_step:
            self._cents_per_step[endpoint] = self._asked_price(endpoint)
        return self._cents_per_step[endpoint]

    def _asked_price(self, endpoint: str) -> float | None:
        try:
            params = {"endpoint_id": endpoint}
            document = self._transport.call("GET", "/v1/models/pricing", params=params).json()
        except ProviderError:
            return None
        row = _named(document, "prices", endpoint)
        unit = _STEP_UNIT.fullmatch(str(row.get("unit", "")).strip())
        amount = row.get("unit_price")
        if unit is None or row.get("currency") != "USD" or isinstance(amount, bool):
            return None
        if not isinstance(amount, int | float) or amount <= 0:
            return None
        return amount * 100 / int(unit["number"] or 1)

    def requests(self, is_wanted: Callable[[str], bool], since: datetime | None = None) -> JobList:
        """Every request to a trainer that is kept with its payload; only jobs of wanted names are returned."""
        start = max(now() - _KEPT, since - _MARGIN if since else now() - _KEPT)
        jobs: dict[str, JobStatus] = {}
        shown: set[str] = set()
        unreadable: dict[str, str] = {}
        notes: list[str] = []
        for row in self._rows({"start": f"{start:%Y-%m-%dT%H:%M:%SZ}"}, notes):
            fields = row if isinstance(row, dict) else {}
            job_id, name = id_of(fields.get("request_id")), _name_of(fields)
            shown |= {job_id} if job_id else set()
            try:
                job = _job(row)
            except RowUnreadable as error:
                if is_job_name(name):
                    unreadable[name] = str(error)
                else:
                    notes.append(skipped_row_note(job_id, name, error))
                continue
            if is_wanted(job.name):
                jobs[job.job_id] = most_advanced(jobs.get(job.job_id), job)
        return JobList(
            jobs=tuple(jobs.values()),
            shown=frozenset(shown),
            unreadable=unreadable,
            notes=tuple(notes),
            list_is_complete=False,
        )

    def request(self, job_id: str) -> JobStatus:
        """One request whose trainer nobody knows. Raises `NotFoundAtProvider` where the list does not show it."""
        for row in self._rows({"request_id": job_id}, []):
            try:
                return _job(row)
            except RowUnreadable as error:
                raise UnexpectedResponse(
                    f"request {job_id} is not as documented: {error}", provider="fal"
                ) from None
        raise NotFoundAtProvider(f"fal's list does not show request {job_id} (yet)", provider="fal")

    def _rows(self, asked: dict[str, str], notes: list[str]) -> Iterator[Any]:
        params = {"endpoint_id": ",".join(BY_ENDPOINT), "limit": str(_PAGE), "expand": "payloads", **asked}
        for _ in range(_MAX_PAGES):
            response = self._transport.call("GET", "/v1/models/requests/by-endpoint", params=params)
            document = response.json()
            rows = document.get("items") if isinstance(document, dict) else None
            if not isinstance(rows, list):
                raise UnexpectedResponse("the list of requests should hold items", **response.details)
            yield from rows
            cursor = text_of(document.get("next_cursor"))
            if cursor is None:
                return
            params["cursor"] = cursor
        notes.append(f"fal's list has more than {_MAX_PAGES * _PAGE} requests; older ones were not looked at")


def job_name_in(url: str) -> str:
    """The job's name in the address of its zip, "" where it has none; storage may put anything before it."""
    found = _NAMED_ZIP.search(file_name_in(url))
    return found[1] if found else ""


def _name_of(row: dict[str, Any]) -> str:
    trainer = BY_ENDPOINT.get(str(row.get("endpoint_id")))
    url = _at(row, "json_input", trainer.zip_field) if trainer else None
    return job_name_in(url) if isinstance(url, str) else ""


def _job(row: Any) -> JobStatus:
    if not isinstance(row, dict):
        raise RowUnreadable(f"it is a {type(row).__name__}, no object")
    job_id, endpoint = id_of(row.get("request_id")), text_of(row.get("endpoint_id"))
    if job_id is None or endpoint is None:
        raise RowUnreadable("it has no request_id or no endpoint_id")
    name, code = _name_of(row), row.get("status_code")
    phase: Phase = "running"
    if isinstance(code, int) and row.get("ended_at"):
        phase = "failed" if code >= _ERRORS_FROM else "ready"
    return JobStatus(
        job_id=job_id,
        name=name,
        phase=phase,
        provider_status="IN_PROGRESS" if phase == "running" else f"COMPLETED {code}",
        error_message=shown_text(_at(row, "json_output", "detail"), ()) if phase == "failed" else None,
        changed_at=moment_of(row.get("ended_at")),
        handle={"endpoint": endpoint, "name": name},
    )


def _at(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _named(document: Any, key: str, endpoint: str) -> dict[str, Any]:
    rows = document.get(key) if isinstance(document, dict) else None
    found = (row for row in rows or () if isinstance(row, dict) and row.get("endpoint_id") == endpoint)
    return next(found, {})


def _inputs(openapi: Any, endpoint: str) -> set[str]:
    """The names of an endpoint's inputs, none where its OpenAPI does not tell."""
    body = _at(openapi, "paths", f"/{endpoint}", "post", "requestBody", "content", "application/json", "schema")
    name = str(_at(body, "$ref") or "").rpartition("/")[2]
    properties = _at(openapi, "components", "schemas", name, "properties") if name else _at(body, "properties")
    return set(properties) if isinstance(properties, dict) else set()

"""fal's Platform API: models with their OpenAPI documents, prices, and the requests of the account.

Source: OpenAPI of the Platform API, August 2026. Of a request it says when it was sent and when it was started,
both always, and when it has ended, or null; so one that waits is not shown here, unless a switch says so. A list
goes back 24 hours where it is not told how far. The cursor is the number of a page. A search compares words
here.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tuneloop.emulator.calls import Call
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fal import queue
from tuneloop.emulator.fal.documents import openapi
from tuneloop.emulator.fal.fields import Query
from tuneloop.emulator.fal.inference import ENDPOINTS, trainers_of
from tuneloop.emulator.fal.queue import DONE, WAITING, Entry
from tuneloop.emulator.fal.responses import NotOnPlatform
from tuneloop.emulator.fal.trainers import TRAINERS
from tuneloop.emulator.job_views import listed, view
from tuneloop.emulator.jobs import Job

_MOST_ENDPOINTS = 50
_PER_PAGE, _MOST_PER_PAGE = 50, 100
_DAY_S = 24 * 3600
_SENT, _UPDATED = "2025-01-01T00:00:00Z", "2026-06-11T00:00:00Z"


def models(call: Call) -> dict[str, Any]:
    """List models, or find some; each with its OpenAPI document where that is asked for."""
    query: Query = call.fields
    wanted = query.get("endpoint_id", [])
    found = [name for name in (*TRAINERS, *ENDPOINTS) if not wanted or name in wanted]
    if not found:
        raise NotOnPlatform(404, f"Model not found: {', '.join(wanted)}")
    rows: list[dict[str, Any]] = [
        {"endpoint_id": name, "metadata": _metadata(call.emulation, name)} for name in found
    ]
    if "status" in query:
        rows = [row for row in rows if row["metadata"]["status"] in query["status"]]
    if "openapi-3.0" in query.get("expand", []):
        rows = [{**row, "openapi": openapi(row["endpoint_id"])} for row in rows]
    return _page("models", rows, query)


def _metadata(emulation: Emulation, name: str) -> dict[str, Any]:
    trainer = TRAINERS.get(name)
    retired = name in emulation.switches.now.retired or (trainer is not None and trainer.retired)
    related = {"inference_endpoint_ids": [trainer.inference]} if trainer else {}
    if trainer is None and trainers_of(name):
        related = {"training_endpoint_ids": trainers_of(name)}
    return {
        "display_name": name,
        "category": "training" if trainer else "text-to-image",
        "description": "",
        "status": "deprecated" if retired else "active",
        "tags": ["lora"],
        "updated_at": _UPDATED,
        "is_favorited": None,
        "thumbnail_url": "",
        "model_url": f"https://fal.run/{name}",
        "date": _SENT,
        "highlighted": False,
        "pinned": False,
        "kind": "training" if trainer else "inference",
        **related,
    }


def pricing(call: Call) -> dict[str, Any]:
    """Show the prices of some endpoints; those that have none are left out."""
    prices = []
    for name in _endpoints(call.fields):
        trainer, endpoint = TRAINERS.get(name), ENDPOINTS.get(name)
        price = trainer.usd_per_step if trainer else endpoint.usd_per_megapixel if endpoint else None
        unit = "step" if trainer else "megapixel"
        if price is not None:
            prices.append({"endpoint_id": name, "unit_price": price, "unit": unit, "currency": "USD"})
    if not prices:
        raise NotOnPlatform(404, "No prices found")
    return _page("prices", prices, call.fields)


def requests(call: Call) -> dict[str, Any]:
    """List the requests of some endpoints, the newest first."""
    query: Query = call.fields
    names, now = _endpoints(query), call.emulation.clock.now()
    start = _time(query, "start", now - (90 * _DAY_S if "request_id" in query else _DAY_S))
    end = _time(query, "end", now + 1)
    entries = [
        entry
        for entry in _entries(call.emulation)
        if entry.endpoint in names
        and start <= entry.sent < end
        and entry.id in query.get("request_id", [entry.id])
        and _outcome(entry) in query.get("status", [_outcome(entry)])
    ]
    by_duration = query.get("sort_by") == ["duration"]
    entries.sort(
        key=lambda entry: (_duration(entry) if by_duration else _last_change(entry), entry.sent), reverse=True
    )
    payloads = "payloads" in query.get("expand", [])
    rows = [_row(call, entry, payloads=payloads) for entry in entries]
    return _page("items", [*call.emulation.switches.now.extra_rows, *rows], query)


def search(call: Call) -> dict[str, Any]:
    """Browse or search the requests of the account, the newest first."""
    query: Query = call.fields
    names = query.get("endpoint_id", query.get("endpoint", []))
    words = " ".join(query.get("query", [])).lower().split()
    entries = [entry for entry in _entries(call.emulation) if not names or entry.endpoint in names]
    if "true" in query.get("exclude_api_requests", []):
        entries = []  # all of them were sent with a key
    entries = [entry for entry in entries if all(word in str(entry.sent_input).lower() for word in words)]
    entries.sort(key=lambda entry: entry.sent, reverse=True)
    return _page("results", [_row(call, entry, payloads=True) for entry in entries], query)


def meta(_: Call) -> dict[str, Any]:
    """Say where webhooks come from."""
    return {"webhook_ip_ranges": ["127.0.0.1/32"]}


def _entries(emulation: Emulation) -> list[Entry]:
    """Return the requests that lists show now; this counts as a poll of the trainings."""
    entries = [queue.of_job(job) for job in listed(emulation)]
    entries += [queue.of_task(emulation, task) for task in emulation.tasks.all()]
    shown: dict[str, Callable[[Entry], bool]] = {
        "all": lambda _: True,
        "started": lambda entry: entry.state != WAITING,
        "ended": lambda entry: entry.state == DONE,
    }
    return list(filter(shown[emulation.switches.now.list_states], entries))


def _row(call: Call, entry: Entry, *, payloads: bool) -> dict[str, Any]:
    status = None if entry.ended is None else entry.error.status if entry.error else 200
    row: dict[str, Any] = {
        "request_id": entry.id,
        "endpoint_id": entry.endpoint,
        "sent_at": iso_utc(entry.sent),
        "started_at": iso_utc(entry.sent),
        "ended_at": None if entry.ended is None else iso_utc(entry.ended),
        "status_code": status,
        "duration": _duration(entry) if entry.ended is not None else None,
    }
    if payloads and _keeps_payloads(call.emulation, entry):
        row["json_input"] = entry.sent_input
        if entry.error is not None:
            row["json_output"] = entry.error.body
        elif entry.state == DONE:
            row["json_output"] = queue.output(call.emulation, entry, call.base_url)
    return view(call.emulation, entry.of, row) if isinstance(entry.of, Job) else row


def _keeps_payloads(emulation: Emulation, entry: Entry) -> bool:
    """Return False where a switch delays or changes names: the name of a training is in its input."""
    if not isinstance(entry.of, Job):
        return True
    return view(emulation, entry.of, {"name": entry.of.name}).get("name") == entry.of.name


def _outcome(entry: Entry) -> str:
    if entry.ended is None:
        return ""
    if entry.error is None:
        return "success"
    return "user_error" if entry.error.status < 500 else "error"


def _duration(entry: Entry) -> float:
    return 0.0 if entry.ended is None else round(entry.ended - entry.sent, 3)


def _last_change(entry: Entry) -> float:
    return float("inf") if entry.ended is None else entry.ended


def _endpoints(query: Query) -> list[str]:
    names = query.get("endpoint_id", [])
    if not 1 <= len(names) <= _MOST_ENDPOINTS:
        raise NotOnPlatform(400, f"endpoint_id must be 1 to {_MOST_ENDPOINTS} endpoints")
    return names


def _time(query: Query, name: str, usual: float) -> float:
    if name not in query:
        return usual
    try:
        found = datetime.fromisoformat(query[name][0])
    except ValueError:
        raise NotOnPlatform(400, f"{name} must be a date or a time in ISO 8601") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _page(name: str, rows: list[dict[str, Any]], query: Query) -> dict[str, Any]:
    """Return one page of rows."""
    limit, cursor = query.get("limit", [str(_PER_PAGE)])[0], query.get("cursor", [""])[0]
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_PER_PAGE:
        raise NotOnPlatform(400, f"limit must be 1 to {_MOST_PER_PAGE}")
    try:
        page = int(base64.b64decode(cursor, validate=True)) if cursor else 1
    except ValueError:
        raise NotOnPlatform(400, "cursor must be one from a response") from None
    first = (page - 1) * int(limit)
    more = len(rows) > first + int(limit)
    following = base64.b64encode(str(page + 1).encode()).decode() if more else None
    return {name: rows[first : first + int(limit)], "next_cursor": following, "has_more": more}

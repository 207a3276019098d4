"""The control routes under `/_emulator/`: what a test may see and do that a client may not.

JSON in, JSON out; a body that cannot be used is rejected with 400 and the reason. The webhooks' own are in
`webhooks/routes.py`.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, get_args

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.jobs import Mark
from tuneloop.emulator.middleware import CONTROL
from tuneloop.emulator.progress import Progress

_Control = Callable[[Emulation, str, dict[str, Any]], Any]
"""Takes the emulation, the verb or the job id of the path, and the JSON object that came; returns JSON."""


class _Missing(Exception):
    """A job that is not there, or not in the state that a control needs; responded to with a status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def routes(emulation: Emulation) -> list[BaseRoute]:
    """Return the routes of every control."""
    provider = emulation.provider
    health = {"status": "ok", "provider": provider.name, "api_key": provider.api_key}
    controls: list[tuple[str, _Control, list[str]]] = [
        ("health", lambda *_: health, ["GET"]),
        ("billing", lambda *_: _counted("entries", emulation.billed()), ["GET"]),
        ("requests", lambda *_: _counted("requests", emulation.requests.entries()), ["GET"]),
        ("jobs", lambda *_: _counted("jobs", emulation.jobs.all(polled=False)), ["GET"]),
        ("jobs/{job_id}/fail", _fail_job, ["POST"]),
        ("jobs/{job_id}/revive", _revive_job, ["POST"]),
        ("jobs/{job_id}/override", _override_job, ["POST"]),
        ("jobs/{job_id}/mark", _mark_job, ["POST"]),
        ("faults", _faults, ["GET", "POST", "DELETE"]),
        ("clock", _clock, ["GET", "POST"]),
        ("progress", _progress, ["GET", "POST"]),
        ("switches", _switches, ["GET", "POST", "DELETE"]),
    ]
    return [Route(CONTROL + path, _endpoint(emulation, run), methods=verbs) for path, run, verbs in controls]


def _endpoint(emulation: Emulation, run: _Control) -> Callable[[Request], Awaitable[Response]]:
    async def called(request: Request) -> Response:
        subject = request.path_params.get("job_id", request.method)
        try:
            return JSONResponse(run(emulation, subject, await json_body(request)))
        except _Missing as error:
            return JSONResponse({"error": str(error)}, error.status)
        except ValidationError as error:
            found = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            return unusable("; ".join(found))
        except (TypeError, ValueError) as error:
            return unusable(str(error))

    return called


def _counted(name: str, entries: Sequence[Any]) -> dict[str, Any]:
    return {"count": len(entries), name: [asdict(entry) for entry in entries]}


def _fail_job(emulation: Emulation, job_id: str, body: dict[str, Any]) -> Any:
    if not isinstance(body.get("error_message"), str):
        raise TypeError("give the text the job fails with as error_message")
    if not emulation.jobs.fail(job_id, body["error_message"]):
        raise _Missing(409, f"job {job_id}: there is none, or it has already ended")
    return {"failed": job_id}


def _revive_job(emulation: Emulation, job_id: str, body: dict[str, Any]) -> Any:
    if not emulation.jobs.revive(job_id, body.get("status", "")):
        raise _Missing(409, f"job {job_id}: there is none, or it has not failed")
    return {"revived": job_id}


def _override_job(emulation: Emulation, job_id: str, body: dict[str, Any]) -> Any:
    fields, without = body.get("fields", {}), body.get("without", [])
    if not isinstance(fields, dict) or not isinstance(without, list):
        raise TypeError("give an object as fields and a list of names as without")
    if not emulation.jobs.override(job_id, fields, without):
        raise _Missing(404, f"job {job_id}: there is none")
    return {"changed": job_id}


def _mark_job(emulation: Emulation, job_id: str, body: dict[str, Any]) -> Any:
    mark: Mark | None = body.get("mark")
    if mark is None or mark not in get_args(Mark):
        raise ValueError(f"mark must be one of {', '.join(get_args(Mark))}")
    if not emulation.jobs.mark(job_id, mark):
        raise _Missing(404, f"job {job_id}: there is none")
    return {"marked": job_id}


def _faults(emulation: Emulation, verb: str, body: dict[str, Any]) -> Any:
    if verb == "DELETE":
        emulation.faults.clear()
    if verb == "POST":
        emulation.faults.add(Fault(**body))
    return {"faults": emulation.faults.waiting()}


def _clock(emulation: Emulation, verb: str, body: dict[str, Any]) -> Any:
    if verb == "POST":
        seconds = body.get("advance_s")
        if not isinstance(seconds, int | float):
            raise TypeError("advance_s must be a number of seconds")
        emulation.clock.advance(seconds)
    return {"now": emulation.clock.now(), "offset_s": emulation.clock.offset_s}


def _progress(emulation: Emulation, verb: str, body: dict[str, Any]) -> Any:
    if verb == "POST":
        emulation.jobs.set_policy(Progress(**body))
    return asdict(emulation.jobs.policy)


def _switches(emulation: Emulation, verb: str, body: dict[str, Any]) -> Any:
    if verb == "DELETE":
        emulation.switches.reset()
    if verb == "POST":
        emulation.switches.turn(**body)
    return asdict(emulation.switches.now)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a control request, an empty one where there is none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def unusable(reason: str) -> Response:
    """Respond to a control request that is rejected."""
    return JSONResponse({"error": f"{reason}; nothing was changed"}, 400)

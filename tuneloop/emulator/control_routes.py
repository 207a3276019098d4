"""The control routes under `/_emulator/`: what a test may see and do that a client may not.

Those of the webhooks are in `webhook_routes.py`.
"""

import json
from dataclasses import asdict
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator import billing, request_log
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.job_marks import Mark
from tuneloop.emulator.middleware import CONTROL
from tuneloop.emulator.progress import Progress


class ControlRoutes:
    """JSON in, JSON out; a body that cannot be used answers 400 with the reason."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[BaseRoute]:
        """Return the routes of every control."""
        return [
            Route(CONTROL + "health", self._health, methods=["GET"]),
            Route(CONTROL + "billing", self._billing, methods=["GET"]),
            Route(CONTROL + "requests", self._requests, methods=["GET"]),
            Route(CONTROL + "jobs", self._jobs, methods=["GET"]),
            Route(CONTROL + "jobs/{job_id}/fail", self._fail_job, methods=["POST"]),
            Route(CONTROL + "jobs/{job_id}/revive", self._revive_job, methods=["POST"]),
            Route(CONTROL + "jobs/{job_id}/look", self._change_look, methods=["POST"]),
            Route(CONTROL + "jobs/{job_id}/mark", self._mark_job, methods=["POST"]),
            Route(CONTROL + "faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route(CONTROL + "clock", self._clock, methods=["GET", "POST"]),
            Route(CONTROL + "progress", self._progress, methods=["GET", "POST"]),
            Route(CONTROL + "switches", self._switches, methods=["GET", "POST", "DELETE"]),
        ]

    async def _health(self, _: Request) -> Response:
        provider = self._emulation.provider
        return JSONResponse({"status": "ok", "provider": provider.name, "api_key": provider.api_key})

    async def _billing(self, _: Request) -> Response:
        return JSONResponse(billing.as_json(self._emulation.billed()))

    async def _requests(self, _: Request) -> Response:
        return JSONResponse(request_log.as_json(self._emulation.requests.entries()))

    async def _jobs(self, _: Request) -> Response:
        jobs = [asdict(job) for job in self._emulation.jobs.all(polled=False)]
        return JSONResponse({"count": len(jobs), "jobs": jobs})

    async def _fail_job(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        body = await json_body(request)
        if not isinstance(body.get("error_message"), str):
            return unusable("give the text the job fails with as error_message")
        if not self._emulation.jobs.fail(job_id, body["error_message"]):
            return JSONResponse({"error": f"job {job_id}: there is none, or it has already ended"}, 409)
        return JSONResponse({"failed": job_id})

    async def _revive_job(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        try:
            revived = self._emulation.jobs.revive(job_id, (await json_body(request)).get("status", ""))
        except ValueError as error:
            return unusable(str(error))
        if not revived:
            return JSONResponse({"error": f"job {job_id}: there is none, or it has not ended badly"}, 409)
        return JSONResponse({"revived": job_id})

    async def _change_look(self, request: Request) -> Response:
        job_id, body = request.path_params["job_id"], await json_body(request)
        fields, without = body.get("fields", {}), body.get("without", [])
        if not isinstance(fields, dict) or not isinstance(without, list):
            return unusable("give an object as fields and a list of names as without")
        if self._emulation.jobs.find(job_id, polled=False) is None:
            return JSONResponse({"error": f"job {job_id}: there is none"}, 404)
        self._emulation.looks.change(job_id, fields, without)
        return JSONResponse({"changed": job_id})

    async def _mark_job(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        mark: Mark | None = (await json_body(request)).get("mark")
        if mark is None or mark not in get_args(Mark):
            return unusable(f"mark must be one of {', '.join(get_args(Mark))}")
        if self._emulation.jobs.find(job_id, polled=False) is None:
            return JSONResponse({"error": f"job {job_id}: there is none"}, 404)
        self._emulation.marks.add(job_id, mark)
        return JSONResponse({"marked": job_id})

    async def _faults(self, request: Request) -> Response:
        faults = self._emulation.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                faults.add(Fault(**await json_body(request)))
            except (TypeError, ValueError) as error:
                return unusable(str(error))
        return JSONResponse({"faults": faults.waiting()})

    async def _clock(self, request: Request) -> Response:
        clock = self._emulation.clock
        if request.method == "POST":
            try:
                clock.advance(float((await json_body(request))["advance_s"]))
            except (KeyError, TypeError, ValueError) as error:
                return unusable(f"advance_s must be a number of seconds: {error}")
        return JSONResponse({"now": clock.now(), "offset_s": clock.offset_s})

    async def _progress(self, request: Request) -> Response:
        jobs = self._emulation.jobs
        if request.method == "POST":
            try:
                jobs.set_policy(Progress(**await json_body(request)))
            except (TypeError, ValueError) as error:
                return unusable(str(error))
        return JSONResponse(asdict(jobs.policy))

    async def _switches(self, request: Request) -> Response:
        board = self._emulation.switches
        if request.method == "DELETE":
            board.reset()
        if request.method == "POST":
            try:
                board.turn(**await json_body(request))
            except (TypeError, ValueError) as error:
                return unusable(str(error))
        return JSONResponse(asdict(board.now))


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a control request, an empty one where there is none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def unusable(reason: str) -> Response:
    """Answer a control request that has been refused."""
    return JSONResponse({"error": f"{reason}; nothing was changed"}, 400)

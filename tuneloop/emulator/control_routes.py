"""The control routes under `/_emulator/`: what a test may see and do that a client may not.

GET shows; POST does something, with the fields of the JSON object that came as arguments; DELETE resets. What
cannot be used is answered with 400 and the reason, and what cannot be done as things stand with 409.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.jobs import Conflict, Progress
from tuneloop.emulator.middleware import CONTROL

_Controls = dict[str, dict[str, Callable[..., Any]]]
"""What each verb does, by path."""


def routes(emulation: Emulation) -> list[BaseRoute]:
    """Return the routes of every control."""
    controls = _controls(emulation).items()
    return [Route(CONTROL + path, _endpoint(verbs), methods=list(verbs)) for path, verbs in controls]


def _controls(emulation: Emulation) -> _Controls:
    provider, jobs, faults, switches = emulation.provider, emulation.jobs, emulation.faults, emulation.switches
    clock, webhooks = emulation.clock, emulation.webhooks
    health = {"status": "ok", "provider": provider.name, "api_key": provider.api_key}
    return {
        "health": {"GET": lambda: health},
        "billing": {"GET": lambda: _counted("entries", emulation.billed())},
        "requests": {"GET": lambda: _counted("requests", emulation.requests.entries())},
        "deliveries": {"GET": lambda: _counted("deliveries", webhooks.log)},
        "jobs": {"GET": lambda: _counted("jobs", jobs.all(polled=False))},
        "jobs/{job_id}/fail": {"POST": jobs.fail},
        "jobs/{job_id}/revive": {"POST": jobs.revive},
        "jobs/{job_id}/override": {"POST": jobs.override},
        "jobs/{job_id}/mark": {"POST": jobs.mark},
        "faults": {
            "GET": lambda: {"faults": faults.waiting()},
            "POST": lambda **fields: faults.add(Fault(**fields)),
            "DELETE": faults.clear,
        },
        "clock": {"GET": lambda: {"now": clock.now(), "offset_s": clock.offset_s}, "POST": clock.advance},
        "progress": {
            "GET": lambda: asdict(jobs.policy),
            "POST": lambda **fields: jobs.set_policy(Progress(**fields)),
        },
        "switches": {"GET": lambda: asdict(switches.now), "POST": switches.turn, "DELETE": switches.reset},
        "webhook": {
            "GET": lambda: {"registered": webhooks.registered is not None},
            "POST": lambda url: webhooks.register(str(url)),
            "DELETE": lambda: webhooks.register(None),
        },
        "webhook/sample": {"POST": webhooks.send_sample},
    }


def _endpoint(verbs: dict[str, Callable[..., Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def called(request: Request) -> Response:
        run = verbs["GET" if request.method == "HEAD" else request.method]
        arguments = {**await _json_body(request), **request.path_params}
        try:
            # In a thread: a receiver may call the emulator before it responds.
            found = await run_in_threadpool(run, **arguments)
        except Conflict as error:
            return JSONResponse({"error": str(error)}, 409)
        except ValidationError as error:
            invalid = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            return JSONResponse({"error": f"{invalid}; nothing was changed"}, 400)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": f"{error}; nothing was changed"}, 400)
        # What has changed something shows how it stands now.
        return JSONResponse(verbs["GET"]() if found is None and "GET" in verbs else found)

    return called


def _counted(name: str, entries: Sequence[Any]) -> dict[str, Any]:
    return {"count": len(entries), name: [asdict(entry) for entry in entries]}


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

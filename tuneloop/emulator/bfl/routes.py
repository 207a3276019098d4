"""BFL's fine-tuning API: its routes, and the states of a training.

Sources: BFL: POST /v1/finetune and GET /v1/finetune_details pages, OpenAPI of spring 2025, its documents of 2026
(credits). Training shows no state of its own: a job is Pending until it is Ready. There is no download of weights.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.bfl import fields, inference, responses, trainers, webhooks
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.progress import Lifecycle, Progress
from tuneloop.emulator.urls import base_url

_Endpoint = Callable[[Emulation, Request], Awaitable[Response]]


def _routes(emulation: Emulation) -> list[BaseRoute]:
    """Return every route; like FastAPI's, none answers HEAD that is not meant to."""
    endpoints: list[tuple[str, str, _Endpoint]] = [
        ("POST", "/v1/finetune", _finetune),
        ("GET", "/v1/my_finetunes", _mine),
        ("GET", "/v1/finetune_details", _details),
        ("POST", "/v1/delete_finetune", _delete),
        ("GET", "/v1/credits", _credits),
        ("GET", "/v1/get_result", _result),
        *(("POST", f"/v1/{name}", _image) for name in inference.ENDPOINTS),
        ("GET", inference.SAMPLES + "{id}/{file}", _sample),
    ]
    routes = [Route(path, functools.partial(run, emulation), methods=[verb]) for verb, path, run in endpoints]
    for route in routes[:-1]:
        (route.methods or set()).discard("HEAD")
    return [*routes]


async def _finetune(emulation: Emulation, request: Request) -> Response:
    upload = await fields.large_body(request)
    fields.authenticate(request)
    accepted = await run_in_threadpool(trainers.submit, emulation, upload)
    return _accepted(emulation, accepted, str(accepted["finetune_id"]))


def _accepted(emulation: Emulation, document: dict[str, Any], accepted_id: str) -> Response:
    # No webhook announces a training or an image before its client knows the id.
    return JSONResponse(document, background=BackgroundTask(emulation.webhooks.answered, accepted_id))


async def _mine(emulation: Emulation, request: Request) -> Response:
    fields.authenticate(request)
    return JSONResponse(await run_in_threadpool(trainers.mine, emulation))


async def _details(emulation: Emulation, request: Request) -> Response:
    fields.authenticate(request)
    finetune_id = fields.query_field(request, "finetune_id")
    return JSONResponse(await run_in_threadpool(trainers.details, emulation, finetune_id))


async def _delete(emulation: Emulation, request: Request) -> Response:
    received = await fields.small_body(request)
    fields.authenticate(request)
    body = fields.checked(fields.Deletion, received)
    return JSONResponse(await run_in_threadpool(trainers.delete, emulation, body.finetune_id))


async def _image(emulation: Emulation, request: Request) -> Response:
    received = await fields.small_body(request)
    fields.authenticate(request)
    endpoint = request.url.path.rpartition("/")[2]
    body = fields.checked(inference.ENDPOINTS[endpoint][0], received)
    accepted = await run_in_threadpool(inference.submit, emulation, endpoint, body, base_url(request))
    return _accepted(emulation, accepted, accepted["id"])


async def _credits(emulation: Emulation, request: Request) -> Response:
    fields.authenticate(request)
    return JSONResponse(await run_in_threadpool(inference.credits_left, emulation))


async def _result(emulation: Emulation, request: Request) -> Response:
    # The one request that needs no key: the id is the secret.
    return await run_in_threadpool(
        inference.result, emulation, fields.query_field(request, "id"), base_url(request)
    )


async def _sample(emulation: Emulation, request: Request) -> Response:
    path, query = request.url.path, dict(request.query_params)
    return await run_in_threadpool(inference.sample, emulation, path, query, request.path_params["id"])


PROVIDER = Provider(
    name="bfl",
    api_key=fields.API_KEY,
    lifecycle=Lifecycle(
        states=("Pending", "Ready"),
        failed="Error",
        fails_after="Pending",
        trained="Ready",
        also_failed=("Request Moderated", "Content Moderated"),
    ),
    progress=Progress.after_seconds(Pending=8.0),
    foreign_statuses={
        "Pending": "IN_PROGRESS",
        "Ready": "SUCCEEDED",
        "Error": "CANCELED",
        "Request Moderated": "REJECTED",
        "Content Moderated": "REJECTED",
    },
    routes=_routes,
    webhooks=webhooks.STYLE,
    redirects_slashes=True,
    fault_response=responses.fault_response,
    error_pages={
        404: responses.unknown_route,
        405: responses.wrong_verb,
        responses.Rejected: responses.rejected,
        responses.Invalid: responses.invalid,
    },
)

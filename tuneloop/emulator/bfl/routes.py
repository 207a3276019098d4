"""BFL's fine-tuning API: its routes, and the states of a training.

Sources: BFL: POST /v1/finetune and GET /v1/finetune_details pages, OpenAPI of spring 2025, its documents of 2026
(credits). Training shows no
state of its own: a job is Pending until it is Ready. There is no download of weights.
"""

from collections.abc import Callable
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.base_url import origin_of
from tuneloop.emulator.bfl import answers
from tuneloop.emulator.bfl import finetunes as bfl_finetunes
from tuneloop.emulator.bfl import inference as bfl_images
from tuneloop.emulator.bfl import webhooks as bfl_webhooks
from tuneloop.emulator.bfl.fields import Deletion
from tuneloop.emulator.bfl.requests import API_KEY, authenticate, checked, large_body, query_field, small_body
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.progress import Lifecycle, Progress


class BflRoutes:
    """The routes of one emulation."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[BaseRoute]:
        """Return every route; like FastAPI's, none answers HEAD that is not meant to."""
        routes = [
            Route("/v1/finetune", self._finetune, methods=["POST"]),
            Route("/v1/my_finetunes", self._mine, methods=["GET"]),
            Route("/v1/finetune_details", self._details, methods=["GET"]),
            Route("/v1/delete_finetune", self._delete, methods=["POST"]),
            Route("/v1/credits", self._credits, methods=["GET"]),
            Route("/v1/get_result", self._result, methods=["GET"]),
            *(Route(f"/v1/{name}", self._image, methods=["POST"]) for name in bfl_images.ENDPOINTS),
        ]
        for route in routes:
            (route.methods or set()).discard("HEAD")
        return [*routes, Route(bfl_images.SAMPLES + "{id}/{file}", self._sample, methods=["GET"])]

    async def _finetune(self, request: Request) -> Response:
        upload = await large_body(request, bfl_finetunes.LONG_FIELD)
        authenticate(request)
        accepted = await run_in_threadpool(bfl_finetunes.submit, self._emulation, upload)
        # No webhook tells of a training before its client knows the id.
        answered = BackgroundTask(self._emulation.webhooks.answered, str(accepted["finetune_id"]))
        return JSONResponse(accepted, background=answered)

    async def _mine(self, request: Request) -> Response:
        authenticate(request)
        return await self._shown(bfl_finetunes.mine)

    async def _details(self, request: Request) -> Response:
        authenticate(request)
        return await self._shown(bfl_finetunes.details, query_field(request, "finetune_id"))

    async def _delete(self, request: Request) -> Response:
        received = await small_body(request)
        authenticate(request)
        body = checked(Deletion, received)
        return await self._shown(bfl_finetunes.delete, body.finetune_id)

    async def _image(self, request: Request) -> Response:
        received = await small_body(request)
        authenticate(request)
        endpoint = request.url.path.rpartition("/")[2]
        body = checked(bfl_images.ENDPOINTS[endpoint][0], received)
        accepted = await run_in_threadpool(bfl_images.submit, self._emulation, endpoint, body, origin_of(request))
        answered = BackgroundTask(self._emulation.webhooks.answered, accepted["id"])
        return JSONResponse(accepted, background=answered)

    async def _credits(self, request: Request) -> Response:
        authenticate(request)
        return await self._shown(bfl_images.credits_left)

    async def _result(self, request: Request) -> Response:
        # The one request that needs no key: the id is the secret.
        task, origin = query_field(request, "id"), origin_of(request)
        return await run_in_threadpool(bfl_images.result, self._emulation, task, origin)

    async def _sample(self, request: Request) -> Response:
        path, query = request.url.path, dict(request.query_params)
        return await run_in_threadpool(bfl_images.sample, self._emulation, path, query, request.path_params["id"])

    async def _shown(self, handler: Callable[..., dict[str, Any]], *values: Any) -> Response:
        return JSONResponse(await run_in_threadpool(handler, self._emulation, *values))


BFL = Provider(
    name="bfl",
    api_key=API_KEY,
    lifecycle=Lifecycle(
        states=("Pending", "Ready"),
        failed="Error",
        fails_after="Pending",
        trained="Ready",
        also_failed=("Request Moderated", "Content Moderated"),
    ),
    progress=Progress.after_seconds(Pending=8.0),
    routes=lambda emulation: BflRoutes(emulation).routes(),
    webhooks=bfl_webhooks.STYLE,
    redirects_slashes=True,
    refusal=answers.injected,
    error_pages={
        404: answers.unknown_route,
        405: answers.wrong_verb,
        answers.Refused: answers.refused,
        answers.Invalid: answers.invalid,
    },
)

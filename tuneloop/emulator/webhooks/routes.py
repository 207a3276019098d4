"""The control routes of the webhooks: the provider's console, and the log of deliveries."""

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.control_routes import json_body, unusable
from tuneloop.emulator.middleware import CONTROL
from tuneloop.emulator.urls import base_url
from tuneloop.emulator.webhooks.sending import WebhookRejected, Webhooks


class WebhookRoutes:
    """JSON in, JSON out; what the console refuses answers 409, an address that cannot be used 400."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(CONTROL + "webhook", self._webhook, methods=["POST", "DELETE"]),
            Route(CONTROL + "webhook/sample", self._sample, methods=["POST"]),
            Route(CONTROL + "deliveries", self._deliveries, methods=["GET"]),
        ]

    async def _webhook(self, request: Request) -> Response:
        url = None
        if request.method == "POST":
            url = (await json_body(request)).get("url")
            if not isinstance(url, str):
                return unusable("give the address of the receiver as url")
        try:
            self._webhooks.register(url)
        except ValueError as error:
            return unusable(str(error))
        except WebhookRejected as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse({"registered": url is not None})

    async def _sample(self, request: Request) -> Response:
        try:
            # In a thread: the receiver may call the emulator before it responds.
            delivery = await run_in_threadpool(self._webhooks.send_sample, base_url(request))
        except WebhookRejected as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse(asdict(delivery))

    async def _deliveries(self, _: Request) -> Response:
        log = [asdict(delivery) for delivery in self._webhooks.log]
        return JSONResponse({"count": len(log), "deliveries": log})

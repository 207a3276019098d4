"""What Segmind's console does and its SDK asks for: webhooks and models.

Source: Segmind's Python SDK (paths, which it calls at another host, and what is sent). What is answered is not
published, and so assumed here; so is that events of trainings are among those that can be chosen.
"""

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.segmind.answers import slug
from tuneloop.emulator.segmind.refusals import Refused
from tuneloop.emulator.segmind.requests import Fields, endpoint, json_fields, no_fields, text_field
from tuneloop.emulator.webhooks.sending import WebhookRefused

_WEBHOOK = "finetune"
"""Id of the one webhook that there can be."""


class SegmindConsole:
    """The routes of one emulation."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[BaseRoute]:
        """Return them all."""
        return [
            Route("/webhook/get", endpoint(self._webhooks, no_fields), methods=["GET"]),
            Route("/webhook/add", endpoint(self._add_webhook, json_fields), methods=["POST"]),
            Route("/inference-model-information/list", endpoint(self._models, no_fields), methods=["GET"]),
        ]

    def _webhooks(self, _: Fields, __: str) -> Response:
        url = self._emulation.webhooks.registered
        shown = [] if url is None else [{"webhook_id": _WEBHOOK, "webhook_url": url}]
        return JSONResponse({"webhooks": shown})

    def _add_webhook(self, fields: Fields, _: str) -> Response:
        url = text_field(fields, "webhook_url")
        event = fields.get("event")
        if not isinstance(event, dict) or not event.get("types"):
            raise Refused(400, "event.types is required")
        try:
            self._emulation.webhooks.register(url)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        except WebhookRefused as error:
            raise Refused(409, str(error)) from None
        return JSONResponse({"webhook_id": _WEBHOOK, "webhook_url": url, "event": event})

    def _models(self, _: Fields, __: str) -> Response:
        jobs = [job for job in self._emulation.jobs.all(polled=False) if job.status == "AVAILABLE"]
        return JSONResponse({"models": [{"slug": slug(job), "name": job.name} for job in jobs]})

"""Rendering with the version that a training has made. Source: Replicate, OpenAPI document of March 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneloop.errors import ConfigurationError, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.image import RenderingFailed, image_at, wait_for_image
from tuneloop.providers.replicate.jobs import PHASES
from tuneloop.providers.replicate.recipes import ReplicateFluxRender, ReplicateQwenRender
from tuneloop.providers.response_fields import accepted_id, phase_of, shown_text
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage

_LONGEST_WAIT_S = 900.0
"""A version that nobody has used for a while is loaded first."""


class ReplicateInference:
    """Asks for images; `version_of` finds the version that a job has made."""

    def __init__(self, transport: Transport, hosts: ExpectedHosts, version_of: Callable[[str], str]) -> None:
        self._transport = transport
        self._hosts = hosts
        self._version_of = version_of
        self._versions: dict[str, str] = {}

    def render(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None
    ) -> RenderedImage:
        """POST once, then poll for the image; see `Provider.render`."""
        if not isinstance(settings, ReplicateFluxRender | ReplicateQwenRender) or image is not None:
            raise ConfigurationError(
                f"Replicate does not render with {settings.endpoint}; choose another endpoint"
            )
        if job_id not in self._versions:
            self._versions[job_id] = self._version_of(job_id)
        sent = settings.model_dump(mode="json", exclude={"endpoint"}, exclude_none=True)
        document = {"version": self._versions[job_id], "input": {"prompt": prompt, "seed": seed, **sent}}
        accepted = self._transport.call("POST", "/v1/predictions", accept=(200, 201, 202), json=document)
        prediction_id = accepted_id(accepted, ("id",))
        response, url = wait_for_image(lambda: self._finished(prediction_id), _LONGEST_WAIT_S, accepted)
        return image_at(url, response, self._transport, self._hosts, with_key=True)

    def _finished(self, prediction_id: str) -> tuple[Response, str] | None:
        response = self._transport.call("GET", f"/v1/predictions/{prediction_id}")
        document: Any = response.json()
        word = document.get("status") if isinstance(document, dict) else None
        if not isinstance(word, str):
            raise UnexpectedResponse("the image's response should have a status", **response.details)
        phase, _ = phase_of(word, PHASES)
        if phase == "failed":
            reason = shown_text(document.get("error"), response.secrets) or f"Replicate says {word}"
            raise RenderingFailed(f"the image was not rendered: {reason}", **response.details)
        if phase != "ready":
            return None
        output = document.get("output")
        # One address of the Qwen model, a list of the FLUX one.
        first = output[0] if isinstance(output, list) and output else output
        if not isinstance(first, str):
            raise UnexpectedResponse("the response names no image", **response.details)
        return response, first

"""Rendering with a model that was fine-tuned at BFL. Source: BFL, OpenAPI (endpoints, polling_url, result)."""

from __future__ import annotations

from tuneloop.errors import ConfigurationError, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.bfl.errors import PHASES, WITH_STATE, status_of
from tuneloop.providers.bfl.recipes import BflProRender, BflUltraRender
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.image import RenderingFailed, image_of, wait_for_image
from tuneloop.providers.response_fields import phase_of, same_status
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage

_LONGEST_WAIT_S = 300.0


class BflInference:
    """Asks for images."""

    def __init__(self, transport: Transport, hosts: ExpectedHosts) -> None:
        self._transport = transport
        self._hosts = hosts

    def render(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None
    ) -> RenderedImage:
        """POST once, then poll for the image; see `Provider.render`."""
        if not isinstance(settings, BflProRender | BflUltraRender) or image is not None:
            raise ConfigurationError(f"BFL does not render with {settings.endpoint}; choose another endpoint")
        sent = settings.model_dump(mode="json", exclude={"endpoint"})
        document = {"finetune_id": job_id, "prompt": prompt, "seed": seed, **sent}
        response = self._transport.call("POST", f"/v1/{settings.endpoint}", json=document)
        accepted = response.json()
        url = accepted.get("polling_url") if isinstance(accepted, dict) else None
        if not isinstance(url, str):
            raise UnexpectedResponse("the response names no polling_url", **response.details)
        self._hosts.check(url, "polling_url", response)
        return wait_for_image(lambda: self._sample(url), _LONGEST_WAIT_S, response)

    def _sample(self, polling_url: str) -> RenderedImage | None:
        # Polling needs no key, and the address may be on another host than the key's.
        response = self._transport.get(polling_url, accept=WITH_STATE)
        word = status_of(response)
        if same_status(word, "Ready"):
            return self._download(response)
        # Not found says nothing just after the order.
        if phase_of(word, PHASES)[0] == "failed":
            raise RenderingFailed(f"the image was not rendered: {word}", **response.details)
        return None

    def _download(self, response: Response) -> RenderedImage:
        result = response.json().get("result")
        sample = result.get("sample") if isinstance(result, dict) else None
        if not isinstance(sample, str):
            raise UnexpectedResponse("the result names no sample", **response.details)
        self._hosts.check(sample, "sample", response)
        return image_of(self._transport.image(sample), response)

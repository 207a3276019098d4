"""Rendering with a model that was fine-tuned at BFL. Source: BFL, OpenAPI (endpoints, polling_url, result)."""

from __future__ import annotations

import time

from tuneloop.errors import ConfigurationError, ProviderUnavailable, RequestRejected, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.bfl.recipes import BflProRender, BflUltraRender
from tuneloop.providers.bfl.states import PHASES, WITH_STATE, status_of
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.image import billed_but_unavailable, image_of
from tuneloop.providers.response_fields import phase_of, same_status
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage

_POLL_PAUSE_S = 1.0
_LONGEST_WAIT_S = 300.0


class BflInference:
    """Asks for images.

    Args:
        transport: Requests to BFL.
        hosts: Where states and images may lie.
    """

    def __init__(self, transport: Transport, hosts: ExpectedHosts) -> None:
        self._transport = transport
        self._hosts = hosts

    def render(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None
    ) -> RenderedImage:
        """POST once, then poll for the image; see `Provider.render`."""
        if not isinstance(settings, BflProRender | BflUltraRender) or image is not None:
            raise ConfigurationError(f"BFL does not render with {settings.endpoint}; choose another endpoint")
        document = {
            "finetune_id": job_id,
            "prompt": prompt,
            "seed": seed,
            **settings.model_dump(mode="json", exclude={"endpoint"}),
        }
        response = self._transport.call("POST", f"/v1/{settings.endpoint}", json=document)
        accepted = response.json()
        url = accepted.get("polling_url") if isinstance(accepted, dict) else None
        if not isinstance(url, str):
            raise UnexpectedResponse("the response names no polling_url", **response.details)
        self._hosts.check(url, "polling_url", response)
        return self._sample(url)

    def _sample(self, polling_url: str) -> RenderedImage:
        """Poll until the image is there, and fetch it. It is billed by now: what may pass is waited for."""
        until = time.monotonic() + _LONGEST_WAIT_S
        reason = "the image is still pending after five minutes"
        while True:
            try:
                # Polling needs no key, and the address may be on another host than the key's.
                response = self._transport.get(polling_url, accept=WITH_STATE)
                word = status_of(response)
                if same_status(word, "Ready"):
                    return self._download(response)
            except ProviderUnavailable as error:
                reason = f"the image was accepted and cannot be fetched: {error.reason}"
            except RequestRejected as error:
                raise billed_but_unavailable(error) from None
            else:
                # Not found says nothing just after the order.
                if phase_of(word, PHASES)[0] == "failed":
                    raise RequestRejected(f"the image was not rendered: {word}", **response.details)
            if time.monotonic() > until:
                raise ProviderUnavailable(reason, provider=self._transport.provider)
            time.sleep(_POLL_PAUSE_S)

    def _download(self, response: Response) -> RenderedImage:
        result = response.json().get("result")
        sample = result.get("sample") if isinstance(result, dict) else None
        if not isinstance(sample, str):
            raise UnexpectedResponse("the result names no sample", **response.details)
        self._hosts.check(sample, "sample", response)
        return image_of(self._transport.image(sample), response)

"""Rendering at fal: with the weights of our store, or with those that the training has left there.

Sources: fal, queue page (submit, status, result) and the OpenAPI of its LoRA services (`loras`, `images`); fal,
files page (a small image may be a data URI).
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

from tuneloop.errors import ConfigurationError
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.fal.queue import FalQueue, handle_of
from tuneloop.providers.fal.services import LoraSettings
from tuneloop.providers.fal.storage import FalStorage
from tuneloop.providers.image import RenderingFailed, image_in, suffix_of, wait_for_image
from tuneloop.providers.response_fields import accepted_id
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage, Submission

_LONGEST_WAIT_S = 600.0
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class FalInference:
    """Asks for images; `trained_weights` gives the address of the weights that a training has left at fal."""

    def __init__(
        self,
        transport: Transport,
        queue: FalQueue,
        storage: FalStorage,
        hosts: ExpectedHosts,
        trained_weights: Callable[[Submission], str],
    ) -> None:
        self._transport = transport
        self._queue = queue
        self._storage = storage
        self._hosts = hosts
        self._trained_weights = trained_weights
        self._uploaded: dict[str, str] = {}
        self._lock = threading.Lock()

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None
    ) -> RenderedImage:
        """POST once, then poll for the image; see `Provider.render`."""
        if not isinstance(settings, LoraSettings) or (image is not None) is not (settings.edits_by is not None):
            raise ConfigurationError(f"fal does not render with {settings.endpoint}; choose another endpoint")
        sent = settings.model_dump(mode="json", exclude={"endpoint", "lora_scale"})
        lora = {"path": self._weights_url(model), "scale": settings.lora_scale}
        document: dict[str, Any] = {"prompt": prompt, "seed": seed, "loras": [lora], **sent}
        if image is not None and settings.edits_by is not None:
            spelled = _data_uri(image)
            document[settings.edits_by] = [spelled] if settings.edits_by == "image_urls" else spelled
        response = self._transport.call("POST", f"/{settings.endpoint}", json=document)
        accepted = accepted_id(response, ("request_id",))
        request = Submission(job_id=accepted, handle=handle_of(response.json(), settings.endpoint, ""))
        result = wait_for_image(lambda: self._finished(request, response), _LONGEST_WAIT_S, response)
        return image_in(result.json(), result, self._transport, self._hosts)

    def _weights_url(self, model: TrainedModel) -> str:
        if model.weights is None:
            return self._trained_weights(model.job)
        signed = model.weights.url()
        if signed is not None:
            return signed
        with self._lock:
            job_id = model.job.job_id
            if job_id not in self._uploaded:
                self._uploaded[job_id] = self._storage.upload(
                    f"{job_id}.safetensors", model.weights, "application/octet-stream"
                )
            return self._uploaded[job_id]

    def _finished(self, request: Submission, accepted: Response) -> Response | None:
        status = self._queue.status(request)
        if status.phase == "failed":
            raise RenderingFailed(
                f"the image was not rendered: {status.error_message or status.provider_status}", **accepted.details
            )
        return self._queue.result(request) if status.phase == "ready" else None


def _data_uri(image: bytes) -> str:
    suffix = suffix_of(image)
    if suffix is None:
        raise ConfigurationError("the image to edit is no jpeg, png or webp image; choose another one")
    return f"data:{_TYPES[suffix]};base64,{base64.b64encode(image).decode()}"

"""Rendering with a model that was fine-tuned at Segmind.

Sources: Segmind, Flux Dev Finetuned page (`/v1`, fields); Segmind, page of a user's model (its own address, the
same body without the id); Segmind, asynchronous inference page (`/v2`, states, FAILED under 422).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from tuneloop.errors import ConfigurationError, NotFoundAtProvider, RequestRejected, UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import IMAGE_BYTES, Transport
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.image import RenderingFailed, image_in, image_of, suffix_of, wait_for_image
from tuneloop.providers.response_fields import same_status
from tuneloop.providers.segmind.jobs import Job
from tuneloop.providers.segmind.recipes import FluxDevRender, ModelEndpointRender
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHARED_ROUTE = "flux-dev-finetuned"
_LONGEST_WAIT_S = 600.0


class SegmindInference:
    """Asks for images; `details` asks for a job by its id."""

    def __init__(self, transport: Transport, details: Callable[[str], Job], hosts: ExpectedHosts) -> None:
        self._transport = transport
        self._details = details
        self._hosts = hosts

    def render(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None
    ) -> RenderedImage:
        sent = settings.model_dump(mode="json", exclude={"endpoint"})
        document: dict[str, Any] = {"prompt": prompt, "seed": seed, **sent}
        if image is not None:
            document["image"] = base64.b64encode(image).decode()
        if isinstance(settings, FluxDevRender):
            return self._image(self._ask_by_id(job_id, document))
        if isinstance(settings, ModelEndpointRender):
            return self._image(self._ask(self._slug(job_id), document))
        raise ConfigurationError(f"Segmind does not render with {settings.endpoint}; choose another endpoint")

    def _ask_by_id(self, job_id: str, document: dict[str, Any]) -> Response:
        """POST once. An id that is not known may be the job's other one: nothing is paid yet."""
        try:
            return self._ask(_SHARED_ROUTE, {**document, "finetune_id": job_id})
        except NotFoundAtProvider:
            finetune_id = self._details(job_id).finetune_id
            if finetune_id == job_id:
                raise
        return self._ask(_SHARED_ROUTE, {**document, "finetune_id": finetune_id})

    def _slug(self, job_id: str) -> str:
        slug = self._details(job_id).slug
        if slug is None or not _SLUG.fullmatch(slug):
            raise UnexpectedResponse(f"the details of job {job_id} name no usable slug", provider="segmind")
        return slug

    def _ask(self, route: str, document: dict[str, Any]) -> Response:
        """POST once. A model that only the queue serves refuses `/v1` and names `/v2`: nothing is paid yet."""
        try:
            return self._transport.call("POST", f"/v1/{route}", limit_bytes=IMAGE_BYTES, json=document)
        except RequestRejected as error:
            if "/v2" not in error.excerpt:
                raise
        return self._queued(route, document)

    def _queued(self, route: str, document: dict[str, Any]) -> Response:
        accepted = self._transport.call("POST", f"/v2/{route}", json=document)
        return wait_for_image(lambda: self._finished(accepted), _LONGEST_WAIT_S, accepted)

    def _finished(self, accepted: Response) -> Response | None:
        names = accepted.json()
        response = self._transport.call("GET", self._path(names, "status_url", accepted), accept=(200, 422))
        state = response.json()
        word = str(state.get("status")) if isinstance(state, dict) else ""
        if same_status(word, "COMPLETED"):
            path = self._path(names, "response_url", accepted)
            return self._transport.call("GET", path, limit_bytes=IMAGE_BYTES)
        if same_status(word, "FAILED") or response.status != 200:  # noqa: PLR2004
            raise RenderingFailed("the rendering failed", **response.details)
        return None

    def _path(self, names: Any, key: str, response: Response) -> str:
        """The path of an address that must be on the API's own origin: the key goes along."""
        url = names.get(key) if isinstance(names, dict) else None
        base = self._transport.base_url + "/"
        if not isinstance(url, str) or not url.startswith(base):
            raise UnexpectedResponse(f"the response names no {key} on the API's own host", **response.details)
        return url[len(base) - 1 :]

    def _image(self, response: Response) -> RenderedImage:
        """The page says JSON, the service sends images: the content decides, whatever type it says it is."""
        if suffix_of(response.body) is not None:
            return image_of(response.body, response)
        return image_in(_json_or_text(response.body), response, self._transport, self._hosts)


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace").strip()

"""Segmind's fine-tuning API.

Sources: Segmind's Flux, Flux Kontext and Qwen fine-tuning pages (routes, fields, responses) and its Flux Dev
Finetuned page (inference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

from tuneloop.clock import Deadline
from tuneloop.errors import (
    ConfigurationError,
    NotFoundAtProvider,
    UnexpectedResponse,
)
from tuneloop.http.bodies import StreamingJsonBody
from tuneloop.http.response import Response
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.http.transport import Transport
from tuneloop.providers.base import Capabilities, DeliveredDataset, OutgoingFile, Provider, TrainedModel
from tuneloop.providers.download import PresignedDownload
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.response_fields import accepted_id
from tuneloop.providers.segmind.errors import map_error
from tuneloop.providers.segmind.jobs import ID_FIELDS, Job, details_of, list_of
from tuneloop.providers.segmind.recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe
from tuneloop.providers.segmind.render import SegmindInference
from tuneloop.providers.upload import check_size, repeated
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, JobList, JobStatus, RenderedImage, Submission

BASE_URL = "https://api.segmind.com"

_STORAGE_HOST = re.compile(
    r"([a-z0-9.-]+\.)?s3(-[a-z0-9-]+)?(\.[a-z0-9-]+){0,2}\.amazonaws\.com|([a-z0-9-]+\.)+segmind\.com"
)
"""Amazon S3, and Segmind's own hosts: its SDK shows images at `images.segmind.com`."""
_ADDRESS = ("https://", "http://")
_T = TypeVar("_T")


class SegmindProvider(Provider):
    """One Segmind account.

    Args:
        api_key: The account's key.
        account: The user's label for the account.
        base_url: Where the API lives; another address is for the emulator or a proxy.
        policy: Tries and time-outs.
        storage_hosts: Hosts at which its files may lie, beside those that are known.
    """

    name: ClassVar[str] = "segmind"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=True,
        public_url=True,
        list_has_status=True,
        list_is_complete=True,
        weights=True,
        cancel=False,
        visibility=True,
        webhook=True,
        takes_trainings="no: its documentation calls fine-tuning deprecated; models trained before still render",
    )

    def __init__(
        self,
        api_key: str,
        account: str = "default",
        base_url: str = BASE_URL,
        policy: RequestPolicy = RUN_POLICY,
        storage_hosts: tuple[str, ...] = (),
    ) -> None:
        self.account = Account(provider=self.name, label=account)
        self._transport = Transport(self.name, base_url, ("x-api-key", "", api_key), map_error, policy)
        self._hosts = ExpectedHosts(self._transport.base_url, _STORAGE_HOST, "Segmind's storage", storage_hosts)
        self._inference = SegmindInference(self._transport, lambda job_id: self._details(job_id)[0], self._hosts)

    def deliver(self, name: str, archive: OutgoingFile) -> DeliveredDataset:  # noqa: ARG002 - any name will do
        """Ask for a presigned URL, PUT the zip there, and read its size back.

        A broken connection or an expired URL is met with a new URL and identical bytes: nothing is billed here.
        """
        return repeated(lambda: self._upload_once(archive))

    def _upload_once(self, archive: OutgoingFile) -> DeliveredDataset:
        response = self._transport.call(
            "GET", "/finetune/request/upload/pre-signed-url", json={"name": "dataset.zip"}
        )
        document = response.json()
        try:
            presigned, address = str(document["presigned_url"]), str(document["s3_url"])
        except (KeyError, TypeError):
            raise UnexpectedResponse(
                "the response names no presigned_url and s3_url", **response.details
            ) from None
        self._hosts.check(presigned, "presigned_url", response)
        self._hosts.check(address, "s3_url", response)
        self._transport.put_stream(presigned, archive.chunks(), archive.size_bytes)
        check_size(self._transport, address, archive.size_bytes)
        return DeliveredDataset(address, archive.size_bytes)

    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        if not isinstance(recipe, FluxLoraRecipe | KontextLoraRecipe | QwenLoraRecipe):
            raise ConfigurationError(f"Segmind does not train {type(recipe).__name__}; choose another recipe")
        document = {
            "base_model": recipe.base_model,
            "theme": recipe.theme,
            "train_type": "LORA",
            # Every page sends it.
            "advance_parameters": {},
            **recipe.sent_fields(),
            "name": name,
            "data_source_path": dataset.address,
        }
        response = self._transport.post_once("/finetune/request/submit", StreamingJsonBody.of(document), deadline)
        return Submission(job_id=accepted_id(response, ID_FIELDS))

    def list_jobs(self) -> JobList:
        """The whole list: it has no pages."""
        return list_of(self._transport.call("GET", "/finetune/request/list"))

    def get_job(self, job: Submission) -> JobStatus:
        return self._details(job.job_id)[0].status

    def _details(self, job_id: str) -> tuple[Job, Response]:
        def asked(request_id: str) -> tuple[Job, Response]:
            response = self._transport.call("GET", "/finetune/request/details", json={"request_id": request_id})
            return details_of(response), response

        return self._by_any_id(job_id, asked)

    def _by_any_id(self, job_id: str, ask: Callable[[str], _T]) -> _T:
        """Ask about a job by one of its ids and, where that is not known, by those that the list has beside it."""
        try:
            return ask(job_id)
        except NotFoundAtProvider:
            others = {other for job in self.list_jobs().jobs if job_id in job.ids for other in job.ids - {job_id}}
            for other in sorted(others):
                try:
                    return ask(other)
                except NotFoundAtProvider:
                    continue
            raise

    def open_weights(self, job: Submission) -> tuple[RangedSource, ...]:
        """Ask for a download address (they last an hour), and for another one whenever it has expired."""
        shown, details = self._details(job.job_id)
        if not shown.cloud_storage_url:
            raise UnexpectedResponse("the details name no cloud_storage_url yet", **details.details)
        address = shown.cloud_storage_url
        return (PresignedDownload(self._transport, lambda: self._download_link(address)).source,)

    def _download_link(self, cloud_storage_url: str) -> str:
        # The page shows a multipart form on a GET.
        response = self._transport.call(
            "GET", "/finetune/request/file/download", files={"cloud_storage_url": (None, cloud_storage_url)}
        )
        url = _link_in(response)
        self._hosts.check(url, "the link to the weights", response)
        return url

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        return self._inference.render(model.job.job_id, prompt, seed, settings, image)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:  # noqa: ARG002
        """Every call at the path, samples of the console too: Segmind documents no signature."""
        return True

    def set_visibility(self, job: Submission, *, public: bool) -> None:
        """PUT the access with a multipart form, as the pages do; the response is a bare 200."""

        # Python's spelling of a boolean is what the pages show.
        def put(request_id: str) -> None:
            fields = {"request_id": (None, request_id), "segmind_public": (None, str(public))}
            self._transport.call("PUT", "/finetune/request/access-update", files=fields)

        self._by_any_id(job.job_id, put)


def _link_in(response: Response) -> str:
    """The address in a body that should be nothing else. Raises `UnexpectedResponse` where there is none."""
    text = response.body.decode("utf-8", "replace").strip()
    if text.startswith(("{", "[", '"')):
        document = response.json()
        # A link within an object is still a link, if it is the only one.
        found = list(document.values()) if isinstance(document, dict) else [document]
        links = [item for item in found if isinstance(item, str) and item.startswith(_ADDRESS)]
        text = links[0] if len(links) == 1 else ""
    if not text.startswith(_ADDRESS):
        raise UnexpectedResponse(
            "the response should be the link to the weights and is not; the weights are still at the provider; "
            "run again later",
            **response.details,
        )
    return text

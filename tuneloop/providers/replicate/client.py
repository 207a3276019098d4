"""Replicate's API: trainings of public trainers, each at one version; they become versions of a model of ours.

Source: Replicate, OpenAPI document of March 2026 (routes, fields, pages), pages on fine-tuning and on files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from tuneloop.clock import Deadline
from tuneloop.errors import (
    ConfigurationError,
    NotFoundAtProvider,
    RequestRejected,
    TrainerRetired,
    UnexpectedResponse,
)
from tuneloop.http.bodies import MultipartFile, StreamingJsonBody
from tuneloop.http.response import Response
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.http.transport import Transport
from tuneloop.providers.base import Capabilities, DeliveredDataset, OutgoingFile, Price, Provider, TrainedModel
from tuneloop.providers.download import PresignedDownload
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.replicate.archive import weights_in
from tuneloop.providers.replicate.errors import map_error
from tuneloop.providers.replicate.jobs import Listed, status_of
from tuneloop.providers.replicate.recipes import ReplicateRecipe
from tuneloop.providers.replicate.render import ReplicateInference
from tuneloop.providers.replicate.signature import WebhookSignatures
from tuneloop.providers.response_fields import RowUnreadable, accepted_id, required_text, text_of
from tuneloop.providers.upload import repeated
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, JobList, JobStatus, RenderedImage, Submission

BASE_URL = "https://api.replicate.com"

_DELIVERY_HOST = re.compile(r"([a-z0-9-]+\.)*replicate\.delivery")
_FILE_BYTES = 100_000_000
"""Files have to be smaller. Source: Replicate, OpenAPI document."""
_HARDWARE = ("gpu-h100", "gpu-a100-large", "gpu-l40s")
"""A model needs some; a training runs on its trainer's, and so does what it makes."""
_MAX_PAGES = 200


class ReplicateProvider(Provider):
    """One Replicate account.

    Args:
        api_key: The account's token.
        account: The user's label for the account.
        owner: User or organization whose models the trainings become; None asks whose token it is.
        base_url: Where the API lives; another address is for the emulator or a proxy.
        webhook: Address that Replicate is told to call, None for none.
        policy: Tries and time-outs.
        storage_hosts: Hosts at which its files may lie, beside those that are known.
    """

    name: ClassVar[str] = "replicate"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=True,
        public_url=False,
        list_has_status=True,
        list_is_complete=True,
        weights=True,
        cancel=True,
        visibility=False,
        webhook=True,
        takes_trainings="yes: its documentation offers them; not tried here",
    )

    def __init__(
        self,
        api_key: str,
        account: str = "default",
        owner: str | None = None,
        base_url: str = BASE_URL,
        webhook: str | None = None,
        policy: RequestPolicy = RUN_POLICY,
        storage_hosts: tuple[str, ...] = (),
    ) -> None:
        self.account = Account(provider=self.name, label=account)
        secrets = (webhook,) if webhook else ()
        self._transport = Transport(
            self.name, base_url, ("Authorization", "Bearer", api_key), map_error, policy, secrets
        )
        self._hosts = ExpectedHosts(self._transport.base_url, _DELIVERY_HOST, "Replicate's", storage_hosts)
        self._inference = ReplicateInference(self._transport, self._hosts, self._version)
        self._known_owner, self._webhook = owner, webhook
        self._signatures = WebhookSignatures(self._transport)

    def prepare(self, name: str, recipe: BaseRecipe) -> None:  # noqa: ARG002 - all trainings of a recipe go to one model
        """Make the model that the training becomes a version of, where it is not there; see `Provider.prepare`.

        Raises:
            TrainerRetired: The trainer's version is gone.
        """
        known = _known(recipe)
        if not self._has(f"/v1/models/{known.trained_on}/versions/{known.version}"):
            raise TrainerRetired(
                f"Replicate has no version {known.version[:8]} of {known.trained_on} any more; nothing was paid. "
                "Use a newer Tuneloop, or another recipe"
            )
        destination = f"/v1/models/{self._owner()}/{known.destination}"
        if self._has(destination):
            return
        fields = {"owner": self._owner(), "name": known.destination, "visibility": "private"}
        try:
            document = {**fields, "hardware": self._hardware(), "description": "Trained by Tuneloop"}
            self._transport.call("POST", "/v1/models", accept=(200, 201), json=document)
        except RequestRejected:
            # Another run may have made it just now: the status for that is not documented.
            if not self._has(destination):
                raise

    def _has(self, path: str) -> bool:
        try:
            self._transport.call("GET", path)
        except NotFoundAtProvider:
            return False
        return True

    def _owner(self) -> str:
        if self._known_owner is None:
            response = self._transport.call("GET", "/v1/account")
            self._known_owner = required_text(response, "username", "the account")
        return self._known_owner

    def _hardware(self) -> str:
        response = self._transport.call("GET", "/v1/hardware")
        rows = response.json()
        listed = (
            [text_of(row.get("sku")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        )
        return next((sku for sku in _HARDWARE if sku in listed), _HARDWARE[0])

    def deliver(self, name: str, archive: OutgoingFile) -> DeliveredDataset:
        """Upload the zip to Replicate's files, where it is kept for a day; a large one stays in our store.

        A broken connection is met with another upload of the same bytes: nothing is billed here.
        """
        if archive.size_bytes >= _FILE_BYTES:
            if archive.url() is None:
                raise ConfigurationError(
                    f"the zip of the dataset has {archive.size_bytes / 1e6:.0f} MB, and Replicate takes files of "
                    "less than 100 MB. Keep the store on S3, from where Replicate can fetch it, or send smaller "
                    "images with `normalize` in the recipe"
                )
            return DeliveredDataset(None, archive.size_bytes, archive)
        return repeated(lambda: self._uploaded(name, archive))

    def _uploaded(self, name: str, archive: OutgoingFile) -> DeliveredDataset:
        size_bytes = archive.size_bytes
        form = MultipartFile("content", f"{name}.zip", "application/zip", archive.chunks(), size_bytes)
        response = self._transport.post_file("/v1/files", form, accept=(200, 201))
        document = response.json()
        urls = document.get("urls") if isinstance(document, dict) else None
        address = text_of(urls.get("get")) if isinstance(urls, dict) else None
        if address is None or document.get("size") != size_bytes:
            raise UnexpectedResponse(
                f"the uploaded zip should be shown with its address and {size_bytes} bytes; run again",
                **response.details,
            )
        self._path(address, "urls.get", response)
        return DeliveredDataset(address, size_bytes)

    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        known = _known(recipe)
        address = dataset.address or (dataset.archive.url() if dataset.archive is not None else None)
        if address is None:
            raise ConfigurationError("the dataset has no address any more; keep the store on S3 and run again")
        sent = {**known.sent_fields(), known.dataset_input: address, known.name_input: name}
        document: dict[str, Any] = {"destination": f"{self._owner()}/{known.destination}", "input": sent}
        if self._webhook is not None:
            document |= {"webhook": self._webhook, "webhook_events_filter": ["completed"]}
        path = f"/v1/models/{known.trained_on}/versions/{known.version}/trainings"
        response = self._transport.post_once(path, StreamingJsonBody.of(document), deadline)
        return Submission(job_id=accepted_id(response, ("id",)))

    def price(self, recipe: BaseRecipe, dataset: DatasetManifest | None) -> Price | None:  # noqa: ARG002
        """An estimate by steps and hardware: Replicate bills by the second."""
        return recipe.price() if isinstance(recipe, ReplicateRecipe) else None

    def list_jobs(self) -> JobList:
        """Every training of the account, a hundred a page."""
        return self._listed(None)

    def find(self, stem: str, since: datetime | None = None) -> JobList:
        """As `Provider.find`. A training whose input was removed may be ours only if it is young enough."""
        skew = timedelta(seconds=self.margins.clock_skew_s)
        listed = self._listed(since - skew if since is not None else None)
        ours = tuple(job for job in listed.jobs if job.name.rpartition("-g")[0] == stem)
        return listed.model_copy(update={"jobs": ours})

    def _listed(self, since: datetime | None) -> JobList:
        listed, path = Listed(since), "/v1/trainings"
        for _ in range(_MAX_PAGES):
            response = self._transport.call("GET", path)
            following = listed.add(response)
            if following is None:
                return listed.result()
            path = self._path(following, "next", response)
        listed.is_complete = False
        return listed.result()

    def get_job(self, job: Submission) -> JobStatus:
        """GET the training. One that waits for half an hour may be answered 404 and live: that is no end."""
        response = self._training(job.job_id)
        try:
            return status_of(response.json(), response.secrets)
        except RowUnreadable as error:
            raise UnexpectedResponse(f"a training is not as documented: {error}", **response.details) from None

    def _training(self, job_id: str) -> Response:
        return self._transport.call("GET", f"/v1/trainings/{quote(job_id, safe='')}")

    def cancel(self, job: Submission) -> bool:
        """POST the cancel; what had been trained by then is billed. False where there is no such training."""
        try:
            self._transport.call("POST", f"/v1/trainings/{quote(job.job_id, safe='')}/cancel")
        except NotFoundAtProvider:
            return False
        return True

    def open_weights(self, job: Submission) -> tuple[RangedSource, ...]:
        """Find the weights in the training's archive; a new address is asked for whenever one has expired.

        By the OpenAPI document the archive needs the token, which is sent only to the API's own host.
        """

        def address() -> str:
            url, response = self._output(job.job_id, "weights")
            self._hosts.check(url, "the link to the weights", response)
            return url

        return (weights_in(PresignedDownload(self._transport, address, with_key=True).source),)

    def _version(self, job_id: str) -> str:
        version, _ = self._output(job_id, "version")
        return version.rpartition(":")[2]

    def _output(self, job_id: str, field: str) -> tuple[str, Response]:
        response = self._training(job_id)
        document = response.json()
        output = document.get("output") if isinstance(document, dict) else None
        found = text_of(output.get(field)) if isinstance(output, dict) else None
        if found is None:
            raise UnexpectedResponse(f"the training's output names no {field}", **response.details)
        return found, response

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        return self._inference.render(model.job.job_id, prompt, seed, settings, image)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:
        """By its signature and its time; the account's secret is asked for where the block has none."""
        return self._signatures.verify(headers, body, secret)

    def _path(self, url: str, field: str, response: Response) -> str:
        """The path of an address on the API's own origin, by its true name too: the token goes along."""
        for base in (self._transport.base_url, BASE_URL):
            if url.startswith(base + "/"):
                return url[len(base) :]
        raise UnexpectedResponse(f"{field} is no address on the API's own host", **response.details)


def _known(recipe: BaseRecipe) -> ReplicateRecipe:
    if not isinstance(recipe, ReplicateRecipe):
        raise ConfigurationError(f"Replicate does not train {type(recipe).__name__}; choose another recipe")
    return recipe

"""fal's trainers, behind its queue, its storage and its platform API.

Sources: fal's documentation of the queue, of webhooks and of files, the OpenAPI of its platform and of each
trainer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlencode

from tuneloop.clock import Deadline
from tuneloop.errors import ConfigurationError, UnexpectedResponse
from tuneloop.http.bodies import StreamingJsonBody
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.http.transport import Transport
from tuneloop.providers.base import Capabilities, DeliveredDataset, OutgoingFile, Price, Provider, TrainedModel
from tuneloop.providers.download import PresignedDownload
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.fal.errors import map_error
from tuneloop.providers.fal.platform import FalPlatform
from tuneloop.providers.fal.queue import QUEUE_URL, FalQueue, handle_of
from tuneloop.providers.fal.recipes import FalRecipe, price_of
from tuneloop.providers.fal.render import FalInference
from tuneloop.providers.fal.signature import WebhookSignatures
from tuneloop.providers.fal.storage import HOSTS, FalStorage
from tuneloop.providers.fal.trainers import BY_ENDPOINT, TRAINERS
from tuneloop.providers.response_fields import accepted_id, text_of
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe, trainer_of
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, Handle, JobList, JobStatus, RenderedImage, Submission

_REST_URL = "https://rest.fal.ai"
_PLATFORM_URL = "https://api.fal.ai"


class FalProvider(Provider):
    """One fal account.

    fal keeps no name of a job, so the job's name is the name of its zip, which is in the request's payload.

    Args:
        api_key: The account's key.
        account: The user's label for the account.
        base_url: One address in place of fal's three hosts, for the emulator or a proxy.
        webhook_url: Address that fal is told to call, None for none.
        policy: Tries and time-outs.
        storage_hosts: Hosts at which its files may lie, beside those that are known.
    """

    name: ClassVar[str] = "fal"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=True,
        public_url=False,
        list_has_status=False,
        list_is_complete=False,
        weights=True,
        cancel=True,
        visibility=False,
        webhook=True,
        takes_trainings="yes, by its pages of 2026; it is asked for the trainer before each submit",
    )

    def __init__(
        self,
        api_key: str,
        account: str = "default",
        base_url: str | None = None,
        webhook_url: str | None = None,
        policy: RequestPolicy = RUN_POLICY,
        storage_hosts: tuple[str, ...] = (),
    ) -> None:
        self.account = Account(provider=self.name, label=account)
        secrets = (webhook_url,) if webhook_url else ()

        def transport(url: str) -> Transport:
            auth = ("Authorization", "Key", api_key)
            return Transport(self.name, base_url or url, auth, map_error, policy, secrets)

        self._transport = transport(QUEUE_URL)
        self._rest, self._api = transport(_REST_URL), transport(_PLATFORM_URL)
        self._hosts = ExpectedHosts(self._rest.base_url, HOSTS, "fal's storage", storage_hosts)
        self._queue = FalQueue(self._transport)
        self._storage = FalStorage(self._rest, self._hosts)
        self._platform = FalPlatform(self._api)
        self._signatures = WebhookSignatures(self._rest)
        self._inference = FalInference(
            self._transport, self._queue, self._storage, self._hosts, self._trained_weights
        )
        self._webhook_url = webhook_url

    @property
    def requests_made(self) -> int:
        return self._transport.request_count + self._rest.request_count + self._api.request_count

    @property
    def clock_offset_s(self) -> float | None:
        heard = (self._api.clock_offset_s, self._transport.clock_offset_s, self._rest.clock_offset_s)
        return next((offset for offset in heard if offset is not None), None)

    def prepare(self, name: str, recipe: BaseRecipe) -> None:  # noqa: ARG002 - it has no name
        """Ask the platform whether the trainer is offered, and takes what is sent."""
        self._platform.check_offered(_trained_here(recipe).row)

    def deliver(self, name: str, archive: OutgoingFile) -> DeliveredDataset:
        address = self._storage.upload(f"{name}.zip", archive, "application/zip")
        return DeliveredDataset(address, archive.size_bytes)

    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        row = _trained_here(recipe).row
        called = f"?{urlencode({'fal_webhook': self._webhook_url})}" if self._webhook_url else ""
        body = StreamingJsonBody.of({**recipe.sent_fields(), row.zip_field: dataset.address})
        response = self._transport.post_once(f"/{row.endpoint}{called}", body, deadline)
        job_id = accepted_id(response, ("request_id",))
        return Submission(job_id=job_id, handle=handle_of(response.json(), row.endpoint, name))

    def price(self, recipe: BaseRecipe, dataset: DatasetManifest | None) -> Price | None:  # noqa: ARG002
        """As the platform has it for this account, else as the trainer's page has it."""
        if not isinstance(recipe, FalRecipe):
            return None
        return price_of(recipe, self._platform.cents_per_step(recipe.row.endpoint))

    def list_jobs(self) -> JobList:
        """The requests of the last thirty days to the trainers that are known here."""
        return self._platform.requests(lambda _: True)

    def find(self, stem: str, since: datetime | None = None) -> JobList:
        return self._platform.requests(lambda name: name.rpartition("-g")[0] == stem, since)

    def get_job(self, job: Submission) -> JobStatus:
        return self._queue.status(job) if "endpoint" in job.handle else self._platform.request(job.job_id)

    def handle_for(self, job_id: str, recipe: BaseRecipe) -> Handle:  # noqa: ARG002 - the trainer is enough
        trainer = trainer_of(type(recipe)).removeprefix("adopted-")
        return next(({"endpoint": row.endpoint} for row in TRAINERS if row.recipe == trainer), {})

    def cancel(self, job: Submission) -> bool:
        return self._queue.cancel(self._located(job))

    def open_weights(self, job: Submission) -> tuple[RangedSource, ...]:
        """Weights lie at a public address, which the result names as long as fal keeps it."""
        return (PresignedDownload(self._transport, lambda: self._trained_weights(job)).source,)

    def _trained_weights(self, job: Submission) -> str:
        located = self._located(job)
        response = self._queue.result(located)
        row = BY_ENDPOINT.get(located.handle["endpoint"])
        document = response.json()
        file = document.get(row.output_key) if row and isinstance(document, dict) else None
        url = text_of(file.get("url")) if isinstance(file, dict) else None
        if url is None:
            expected = row.output_key if row else "weights"
            raise UnexpectedResponse(f"the result names no {expected}", **response.details)
        self._hosts.check(url, "the address of the weights", response)
        return url

    def _located(self, job: Submission) -> Submission:
        """The job with its trainer, which the list tells where nobody has kept it."""
        if "endpoint" in job.handle:
            return job
        return Submission.of(self._platform.request(job.job_id))

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        return self._inference.render(model, prompt, seed, settings, image)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:  # noqa: ARG002
        """By its signature, with the keys that fal publishes."""
        return self._signatures.verify(headers, body)


def _trained_here(recipe: BaseRecipe) -> FalRecipe:
    if not isinstance(recipe, FalRecipe):
        raise ConfigurationError(f"fal does not train {type(recipe).__name__}; choose another recipe")
    return recipe

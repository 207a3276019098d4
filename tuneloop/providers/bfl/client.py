"""BFL's fine-tuning API. No weights are handed out: the trained model is its id, in the region it was made in.

Sources: BFL, finetune page and OpenAPI (routes, fields, states); BFL, integration page (regions). Where they are
silent: the submit answers `finetune_id`, by which `get_result` shows the training's state (BFL's own script).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from tuneloop.clock import Deadline, moment_of, now
from tuneloop.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotFoundAtProvider,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.http.transport import Transport
from tuneloop.providers.base import (
    Capabilities,
    DeliveredDataset,
    OutgoingFile,
    Price,
    Provider,
    SubmitMargins,
    TrainedModel,
)
from tuneloop.providers.bfl.body import finetune_body
from tuneloop.providers.bfl.errors import PHASES, WITH_STATE, map_error, status_of
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe, price_of
from tuneloop.providers.bfl.render import BflInference
from tuneloop.providers.bfl.webhook import is_recent, is_signed
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.response_fields import accepted_id, id_of, phase_of, same_status, skipped_row_note, text_of
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, JobList, JobStatus, Phase, RenderedImage, Submission, is_job_name

Region = Literal["us1", "eu1"]

_NOT_FOUND = "Task not found"
_RESULT_LIVES = timedelta(days=1)
_DELIVERY_HOST = re.compile(r"[a-z0-9.-]+\.bfl\.(ai|ml)")


def region_url(region: Region) -> str:
    """Host of one region. Fine-tunes are made and used on single-cluster hosts only."""
    return f"https://api.{region}.bfl.ai"


class BflProvider(Provider):
    """One BFL account in one region.

    Args:
        api_key: The account's key.
        account: The user's label for the account.
        region: Where its fine-tunes live; part of the account's identity.
        base_url: Another address of the API, for the emulator or a proxy.
        webhook: Address and secret that BFL is told to call, None for none.
        policy: Tries and time-outs.
        storage_hosts: Hosts at which images may lie, beside those that are known.
    """

    name: ClassVar[str] = "bfl"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=False,
        public_url=False,
        list_has_status=False,
        list_is_complete=False,
        weights=False,
        cancel=False,
        visibility=False,
        webhook=True,
        takes_trainings="no: its release notes discontinued fine-tuning on 2025-10-31",
    )
    # The zip travels within the paid POST, so that it takes as long as an upload.
    margins: ClassVar[SubmitMargins] = SubmitMargins(claim_s=1800)

    def __init__(
        self,
        api_key: str,
        account: str = "default",
        region: Region = "us1",
        base_url: str | None = None,
        webhook: tuple[str, str | None] | None = None,
        policy: RequestPolicy = RUN_POLICY,
        storage_hosts: tuple[str, ...] = (),
    ) -> None:
        self.account = Account(provider=self.name, label=f"{account}-{region}")
        self._transport = Transport(
            self.name,
            base_url or region_url(region),
            ("x-key", "", api_key),
            map_error,
            policy,
            secrets=tuple(part for part in webhook or () if part),
        )
        hosts = ExpectedHosts(self._transport.base_url, _DELIVERY_HOST, "BFL's", storage_hosts)
        self._inference = BflInference(self._transport, hosts)
        self._webhook = webhook

    def deliver(self, name: str, archive: OutgoingFile) -> DeliveredDataset:  # noqa: ARG002 - it has no name
        """Nothing to do: the zip travels within the submit."""
        return DeliveredDataset(None, archive.size_bytes, archive)

    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        """POST /v1/finetune once, with the name as its comment; see `Provider.submit`."""
        if not isinstance(recipe, BflFinetuneRecipe) or dataset.archive is None:
            raise ConfigurationError(f"BFL does not train {type(recipe).__name__}; choose another recipe")
        document: dict[str, Any] = {"finetune_comment": name, **recipe.sent_fields()}
        if self._webhook is not None:
            address, secret = self._webhook
            document["webhook_url"] = address
            if secret is not None:
                document["webhook_secret"] = secret
        body = finetune_body(document, dataset.archive.chunks(), dataset.size_bytes)
        response = self._transport.post_once("/v1/finetune", body, deadline)
        # The page's schema of the response is empty; BFL's own script calls the same id `id`.
        return Submission(job_id=accepted_id(response, ("finetune_id", "id")))

    def price(self, recipe: BaseRecipe, dataset: DatasetManifest | None) -> Price | None:  # noqa: ARG002
        """By the iterations, as its pricing page has it."""
        return price_of(recipe) if isinstance(recipe, BflFinetuneRecipe) else None

    def list_jobs(self) -> JobList:
        """Every fine-tune with its comment: one request for the list, one for each fine-tune and its state."""
        return self._list(lambda _: True)

    def find(self, stem: str, since: datetime | None = None) -> JobList:  # noqa: ARG002 - the list has no times
        """Every fine-tune of one training; only those are asked for their state."""
        return self._list(lambda name: name.rpartition("-g")[0] == stem)

    def check_access(self) -> None:
        """The list alone, without a request for each fine-tune."""
        self._transport.call("GET", "/v1/my_finetunes")

    def get_job(self, job: Submission) -> JobStatus:
        return self._job(job.job_id, None)

    def _list(self, is_wanted: Callable[[str], bool]) -> JobList:
        response = self._transport.call("GET", "/v1/my_finetunes")
        document = response.json()
        rows = document.get("finetunes") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise UnexpectedResponse("the list of fine-tunes should be a list of ids", **response.details)
        ids = dict.fromkeys(job_id for row in reversed(rows) if (job_id := id_of(row)))
        notes = [skipped_row_note(None, None, "it is no id") for row in rows if id_of(row) is None]
        jobs: list[JobStatus] = []
        unreadable: dict[str, str] = {}
        for job_id in ids:
            name = ""
            try:
                name = self._comment(job_id)
                jobs += [self._job(job_id, name)] if is_wanted(name) else []
            except AuthenticationFailed:
                raise
            except (UnexpectedResponse, RequestRejected) as error:
                if is_job_name(name):
                    unreadable[name] = error.reason
                elif not isinstance(error, NotFoundAtProvider):
                    notes.append(skipped_row_note(job_id, name, error.reason))
        return JobList(
            jobs=tuple(jobs),
            shown=frozenset(ids),
            unreadable=unreadable,
            notes=tuple(notes),
            list_is_complete=False,
        )

    def _comment(self, job_id: str) -> str:
        known = self.job_names.get(job_id) if self.job_names else None
        # Names that were once kept of a response that had none.
        if known and known != "None":
            return known
        name = text_of(self._details(job_id).get("finetune_comment"))
        if name is not None and self.job_names is not None:
            self.job_names.keep(job_id, name)
        return name or ""

    def _details(self, job_id: str) -> dict[str, Any]:
        response = self._transport.call("GET", "/v1/finetune_details", params={"finetune_id": job_id})
        document = response.json()
        details = document.get("finetune_details") if isinstance(document, dict) else None
        if not isinstance(details, dict):
            raise UnexpectedResponse("the details should hold finetune_details", **response.details)
        return details

    def _job(self, job_id: str, comment: str | None) -> JobStatus:
        response = self._transport.call("GET", "/v1/get_result", accept=WITH_STATE, params={"id": job_id})
        word = status_of(response)
        phase, known = phase_of(word, PHASES)
        by_age = same_status(word, _NOT_FOUND)
        if by_age:
            phase, known = self._phase_without_result(job_id), True
        reason = f"BFL says {word}" if phase == "failed" else None
        return JobStatus(
            job_id=job_id,
            name=comment or "",
            phase=phase,
            provider_status=word,
            known=known,
            by_age=by_age,
            error_message=reason,
        )

    def _phase_without_result(self, job_id: str) -> Phase:
        """A result that is not there was not made yet, or has expired: then the fine-tune itself is old."""
        try:
            made = moment_of(self._details(job_id).get("timestamp"))
        except NotFoundAtProvider:
            return "running"
        return "ready" if made is not None and now() - made > _RESULT_LIVES else "running"

    def open_weights(self, job: Submission) -> tuple[RangedSource, ...]:
        """BFL hands out no weights. Raises `ConfigurationError`."""
        raise ConfigurationError(f"BFL hands out no weights; fine-tune {job.job_id} is used by its id")

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:
        """By its signature and its time; where the account has no secret, its path has to do."""
        return (secret is None or is_signed(headers, body, secret)) and is_recent(body)

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        return self._inference.render(model.job.job_id, prompt, seed, settings, image)

"""Segmind's fine-tuning API.

Sources: Segmind's Flux and Flux Kontext fine-tuning pages (routes, fields, responses) and its Flux Dev Finetuned
page (inference). Where the pages differ (`id`, `request_id` or `finetune_id`), every spelling is read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from tuneloop.clock import Deadline
from tuneloop.errors import ConfigurationError, ProviderUnavailable, RateLimited, UnexpectedAnswer
from tuneloop.http.patience import RUN, Patience
from tuneloop.providers.linked_file import LinkedFile
from tuneloop.providers.provider import Archive, Capabilities, Provider, WeightsSource
from tuneloop.providers.segmind_errors import error_for
from tuneloop.providers.segmind_inference import SegmindInference
from tuneloop.redaction import redact
from tuneloop.request_body import PaidBody
from tuneloop.transport import Answer, Transport
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.render_settings import ServiceSettings
from tuneloop.values.segmind_recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe
from tuneloop.values.training import Account, JobList, JobStatus, Phase, RenderedPicture, UploadedDataset

BASE_URL = "https://api.segmind.com"

PHASES: dict[str, Phase] = {
    "REQUESTED": "running",
    "QUEUED": "running",
    "RETRIED": "running",
    "DATA_PROCESSING": "running",
    "TRAINING_INITIATED": "running",
    "TRAINING_COMPLETED": "trained",
    "INFERENCE_QUEUED": "trained",
    "DEPLOYING": "trained",
    "AVAILABLE": "ready",
    "FAILED": "failed",
}
"""Status words. The pages say INFERENCE_QUEUED where the webhook page says DEPLOYING: one stage, two names."""

_FIXED_FIELDS = {
    "flux-lora": {"base_model": "FLUX", "theme": "FLUX", "train_type": "LORA"},
    "kontext-lora": {"base_model": "FLUX", "theme": "KONTEXT", "train_type": "LORA"},
    "qwen-lora": {"base_model": "QWEN", "theme": "QWEN", "train_type": "LORA"},
}
"""What each trainer's page sends beside the recipe."""

_STORAGE_HOST = re.compile(r"[a-z0-9.-]+\.s3(\.[a-z0-9-]+)?\.amazonaws\.com")
_UPLOAD_TRIES = 3


class _Job(BaseModel):
    """One fine-tune in a details or list response; fields that we do not need are ignored."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    request_id: str | None = None
    finetune_id: str | None = None
    name: str | None = None
    status: str
    error_message: str | None = None
    cloud_storage_url: str | None = None
    slug: str | None = None
    updated_ts: object = None

    @property
    def job_id(self) -> str | None:
        """The id that inference takes, else whichever the response has."""
        return self.finetune_id or self.request_id or self.id


class SegmindProvider(Provider):
    """One Segmind account.

    Args:
        api_key: The account's key.
        account: The user's label for the account.
        base_url: Where the API lives; another address is for the emulator or a proxy.
        patience: How long it is waited for.
    """

    name: ClassVar[str] = "segmind"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=True,
        public_url=True,
        list_carries_status=True,
        list_is_trusted=True,
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
        patience: Patience = RUN,
    ) -> None:
        self.account = Account(provider=self.name, label=account)
        self._transport = Transport(self.name, base_url, ("x-api-key", api_key), error_for, patience)
        self._inference = SegmindInference(
            self._transport, lambda job_id: self._details(job_id)[0].slug, self._expect_host
        )

    @property
    def requests_made(self) -> int:
        """Requests that this client has made."""
        return self._transport.exchanges

    @property
    def clock_offset_s(self) -> float | None:
        """By the `Date` of the last answer."""
        return self._transport.clock_offset_s

    def upload(self, archive: Archive) -> UploadedDataset:
        """Ask for a presigned URL, PUT the zip there, and read its size back.

        A broken connection or an expired URL is met with a new URL and identical bytes: nothing is billed here.
        """
        for _ in range(_UPLOAD_TRIES - 1):
            try:
                return self._upload_once(archive)
            except RateLimited:
                raise
            except ProviderUnavailable:
                continue
        return self._upload_once(archive)

    def _upload_once(self, archive: Archive) -> UploadedDataset:
        answer = self._transport.call(
            "GET", "/finetune/request/upload/pre-signed-url", json={"name": "dataset.zip"}
        )
        document = answer.json()
        try:
            presigned, address = str(document["presigned_url"]), str(document["s3_url"])
        except (KeyError, TypeError):
            raise UnexpectedAnswer("the answer names no presigned_url and s3_url", **answer.details) from None
        self._expect_host(presigned, answer)
        self._expect_host(address, answer)
        self._transport.put_stream(presigned, archive.chunks(), archive.size_bytes)
        self._prove_uploaded(address, archive.size_bytes)
        return UploadedDataset(address=address, sha256=None, size_bytes=archive.size_bytes)

    def _prove_uploaded(self, address: str, size_bytes: int) -> None:
        """Compare the stored size. A private bucket answers 403: then the PUT's own answer is the proof."""
        answer = self._transport.head(address, accept=(200, 403))
        if answer.status == 200 and answer.headers.get("content-length") != str(size_bytes):  # noqa: PLR2004
            raise UnexpectedAnswer(
                f"the uploaded zip should have {size_bytes} bytes and has "
                f"{answer.headers.get('content-length', 'no length')}; run again",
                **answer.details,
            )

    def submit(
        self,
        name: str,
        recipe: RecipeFields,
        dataset: UploadedDataset,
        archive: Archive,  # noqa: ARG002 - it was uploaded before
        deadline: Deadline,
    ) -> str:
        """POST the training once; see `Provider.submit`."""
        if not isinstance(recipe, FluxLoraRecipe | KontextLoraRecipe | QwenLoraRecipe):
            raise ConfigurationError(f"Segmind does not train {type(recipe).__name__}; choose another recipe")
        document = {
            **_FIXED_FIELDS[recipe.trainer],
            **recipe.sent_fields(),
            "name": name,
            "data_source_path": dataset.address,
        }
        answer = self._transport.post_once("/finetune/request/submit", PaidBody.of(document), deadline)
        accepted = answer.json()
        for key in ("finetune_id", "request_id", "id"):
            if isinstance(accepted, dict) and isinstance(accepted.get(key), str) and accepted[key]:
                return str(accepted[key])
        raise UnexpectedAnswer("the submit was answered without an id", **answer.details)

    def jobs(self) -> JobList:
        """The whole list: it has no pages."""
        answer = self._transport.call("GET", "/finetune/request/list")
        document = answer.json()
        if not isinstance(document, list):
            raise UnexpectedAnswer("the list of fine-tunes should be a JSON array", **answer.details)
        jobs = tuple(_job_status(_job(item, answer), answer) for item in document)
        return JobList(jobs=jobs, shown=frozenset(job.job_id for job in jobs))

    def status(self, job_id: str) -> JobStatus:
        """Details of one job."""
        return _job_status(*self._details(job_id))

    def _details(self, job_id: str) -> tuple[_Job, Answer]:
        answer = self._transport.call("GET", "/finetune/request/details", json={"request_id": job_id})
        document = answer.json()
        if not isinstance(document, dict) or "finetune" not in document:
            raise UnexpectedAnswer("the details should hold a finetune", **answer.details)
        return _job(document["finetune"], answer), answer

    def weights(self, job_id: str) -> WeightsSource:
        """Ask for a download address (they last an hour), and for another one whenever it has expired."""
        job, details = self._details(job_id)
        if not job.cloud_storage_url:
            raise UnexpectedAnswer("the details name no cloud_storage_url yet", **details.details)
        address = job.cloud_storage_url
        return LinkedFile(self._transport, lambda: self._download_link(address)).source("lora.safetensors")

    def _download_link(self, cloud_storage_url: str) -> str:
        # The page shows a multipart form on a GET.
        answer = self._transport.call(
            "GET", "/finetune/request/file/download", files={"cloud_storage_url": (None, cloud_storage_url)}
        )
        url = answer.body.decode("utf-8", "replace").strip().strip('"')
        self._expect_host(url, answer)
        return url

    def generate(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedPicture:
        """Render by the id or by the model's own address; see `segmind_inference`."""
        return self._inference.generate(job_id, prompt, seed, settings, image)

    def set_visibility(self, job_id: str, *, public: bool) -> None:
        """PUT the access with a multipart form, as the pages do; the answer is a bare 200."""
        # Python's spelling of a boolean is what the pages show.
        fields = {"request_id": (None, job_id), "segmind_public": (None, str(public))}
        self._transport.call("PUT", "/finetune/request/access-update", files=fields)

    def _expect_host(self, url: str, answer: Answer) -> None:
        """Follow an address that the server handed back only to Segmind's storage or to the API itself."""
        parts, base = urlsplit(url), urlsplit(self._transport.base_url)
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return
        if parts.scheme == "https" and _STORAGE_HOST.fullmatch(parts.netloc):
            return
        details = {**answer.details, "excerpt": redact(f"{parts.scheme}://{parts.netloc}/…")}
        raise UnexpectedAnswer("the answer points to a host that is not Segmind's storage", **details)


def _job(document: Any, answer: Answer) -> _Job:
    try:
        job = _Job.model_validate(document)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) or "the whole" for item in error.errors())
        raise UnexpectedAnswer(f"a fine-tune is not as documented: {fields}", **answer.details) from None
    if job.job_id is None:
        raise UnexpectedAnswer("a fine-tune has no id", **answer.details)
    return job


def _job_status(job: _Job, answer: Answer) -> JobStatus:
    return JobStatus(
        job_id=job.job_id or "",
        name=job.name or "",
        phase=PHASES.get(job.status, "running"),
        word=job.status,
        known=job.status in PHASES,
        error_message=redact(job.error_message, answer.secrets) if job.error_message else None,
        changed_at=_moment(job.updated_ts),
    )


def _moment(text: object) -> datetime | None:
    """Read a time that is only shown to people: an odd one is no reason to stop."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

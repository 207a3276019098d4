"""BFL's fine-tuning API. No weights are handed out: the trained model is its id, in the region it was made in.

Sources: BFL, finetune page and OpenAPI (routes, fields, states); BFL, integration page (regions). Where they are
silent: the submit answers `finetune_id`, by which `get_result` shows the training's state (BFL's own script).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from tuneloop.clock import Deadline, now
from tuneloop.errors import (
    ConfigurationError,
    NotAtProvider,
    ProviderUnavailable,
    RequestRefused,
    UnexpectedAnswer,
)
from tuneloop.http.patience import RUN, Patience
from tuneloop.providers.bfl_body import finetune_body
from tuneloop.providers.bfl_errors import error_for
from tuneloop.providers.picture import picture_of, refused_after_acceptance
from tuneloop.providers.provider import Archive, Capabilities, Margins, Provider, WeightsSource
from tuneloop.transport import Answer, Transport
from tuneloop.values.bfl_recipe import BflFinetuneRecipe
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.render_settings import BflProRender, BflUltraRender, ServiceSettings
from tuneloop.values.training import Account, JobList, JobStatus, Phase, RenderedPicture, UploadedDataset

Region = Literal["us1", "eu1"]

PHASES: dict[str, Phase] = {
    "Pending": "running",
    "Ready": "ready",
    "Error": "failed",
    "Request Moderated": "failed",
    "Content Moderated": "failed",
}
"""State words of `get_result`. "Task not found" is looked at more closely."""

_NOT_FOUND = "Task not found"
_WITH_STATE = (200, 404, 422)
"""Statuses under which `get_result` shows a state: 200 by its page; 404 and 422 have been seen with one."""
_RESULT_LIVES = timedelta(days=1)
_DELIVERY_HOST = re.compile(r"[a-z0-9.-]+\.bfl\.(ai|ml)")
_POLL_PAUSE_S = 1.0
_LONGEST_WAIT_S = 300.0


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
        patience: How long it is waited for.
    """

    name: ClassVar[str] = "bfl"
    capabilities: ClassVar[Capabilities] = Capabilities(
        upload=False,
        public_url=False,
        list_carries_status=False,
        list_is_trusted=False,
        weights=False,
        cancel=False,
        visibility=False,
        webhook=True,
        takes_trainings="no: its release notes discontinued fine-tuning on 2025-10-31",
    )
    # The zip travels within the paid POST, so that it takes as long as an upload.
    margins: ClassVar[Margins] = Margins(claim_s=1800)

    def __init__(
        self,
        api_key: str,
        account: str = "default",
        region: Region = "us1",
        base_url: str | None = None,
        webhook: tuple[str, str | None] | None = None,
        patience: Patience = RUN,
    ) -> None:
        self.account = Account(provider=self.name, label=f"{account}-{region}")
        self._transport = Transport(
            self.name, base_url or region_url(region), ("x-key", api_key), error_for, patience
        )
        self._webhook = webhook

    @property
    def requests_made(self) -> int:
        """Requests that this client has made."""
        return self._transport.exchanges

    @property
    def clock_offset_s(self) -> float | None:
        """By the `Date` of the last answer."""
        return self._transport.clock_offset_s

    def upload(self, archive: Archive) -> UploadedDataset:
        """Nothing to do: the zip travels within the submit."""
        return UploadedDataset(address=None, sha256=None, size_bytes=archive.size_bytes)

    def submit(
        self,
        name: str,
        recipe: RecipeFields,
        dataset: UploadedDataset,
        archive: Archive,
        deadline: Deadline,
    ) -> str:
        """POST /v1/finetune once, with the name as its comment; see `Provider.submit`."""
        if not isinstance(recipe, BflFinetuneRecipe):
            raise ConfigurationError(f"BFL does not train {type(recipe).__name__}; choose another recipe")
        document: dict[str, Any] = {"finetune_comment": name, **recipe.sent_fields()}
        if self._webhook is not None:
            address, secret = self._webhook
            document["webhook_url"] = address
            if secret is not None:
                document["webhook_secret"] = secret
        body = finetune_body(document, archive.chunks(), dataset.size_bytes)
        answer = self._transport.post_once("/v1/finetune", body, deadline)
        accepted = answer.json()
        # The page's schema of the answer is empty; BFL's own script calls the same id `id`.
        for key in ("finetune_id", "id"):
            if isinstance(accepted, dict) and isinstance(accepted.get(key), str) and accepted[key]:
                return str(accepted[key])
        raise UnexpectedAnswer("the submit was answered without an id", **answer.details)

    def jobs(self) -> JobList:
        """Every fine-tune with its comment: one request for the list, one for each fine-tune and its state."""
        jobs = tuple(self._job(job_id, comment) for job_id, comment in self._comments())
        return JobList(jobs=jobs, shown=frozenset(job.job_id for job in jobs))

    def find(self, stem: str) -> JobList:
        """Every fine-tune of one training; only those are asked for their state."""
        comments = list(self._comments())
        ours = (item for item in comments if item[1].rpartition("-g")[0] == stem)
        jobs = tuple(self._job(job_id, comment) for job_id, comment in ours)
        return JobList(jobs=jobs, shown=frozenset(job_id for job_id, _ in comments))

    def status(self, job_id: str) -> JobStatus:
        """State of one fine-tune."""
        return self._job(job_id, None)

    def _comments(self) -> Iterator[tuple[str, str]]:
        answer = self._transport.call("GET", "/v1/my_finetunes")
        document = answer.json()
        ids = document.get("finetunes") if isinstance(document, dict) else None
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise UnexpectedAnswer("the list of fine-tunes should be a list of ids", **answer.details)
        for job_id in reversed(ids):
            known = self.names_known.get(job_id) if self.names_known else None
            yield job_id, self._comment(job_id) if known is None else known

    def _comment(self, job_id: str) -> str:
        comment = str(self._details(job_id).get("finetune_comment", ""))
        if self.names_known is not None:
            self.names_known.keep(job_id, comment)
        return comment

    def _details(self, job_id: str) -> dict[str, Any]:
        answer = self._transport.call("GET", "/v1/finetune_details", params={"finetune_id": job_id})
        document = answer.json()
        details = document.get("finetune_details") if isinstance(document, dict) else None
        if not isinstance(details, dict):
            raise UnexpectedAnswer("the details should hold finetune_details", **answer.details)
        return details

    def _job(self, job_id: str, comment: str | None) -> JobStatus:
        answer = self._transport.call("GET", "/v1/get_result", accept=_WITH_STATE, params={"id": job_id})
        word = _state_word(answer)
        phase = self._phase_without_result(job_id) if word == _NOT_FOUND else PHASES.get(word, "running")
        known = word in PHASES or word == _NOT_FOUND
        reason = f"BFL says {word}" if phase == "failed" else None
        return JobStatus(
            job_id=job_id, name=comment or "", phase=phase, word=word, known=known, error_message=reason
        )

    def _phase_without_result(self, job_id: str) -> Phase:
        """A result that is not there was not made yet, or has expired: then the fine-tune itself is old."""
        try:
            made = datetime.fromisoformat(str(self._details(job_id).get("timestamp", "")))
        except (ValueError, NotAtProvider):
            return "running"
        moment = now() if made.tzinfo else now().replace(tzinfo=None)
        return "ready" if moment - made > _RESULT_LIVES else "running"

    def weights(self, job_id: str) -> WeightsSource:
        """BFL hands out no weights. Raises `ConfigurationError`."""
        raise ConfigurationError(f"BFL hands out no weights; fine-tune {job_id} is used by its id")

    def delete(self, job_id: str) -> None:
        """Delete a fine-tune at BFL, for good."""
        self._transport.call("POST", "/v1/delete_finetune", json={"finetune_id": job_id})

    def generate(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedPicture:
        """POST once, then poll for the picture; see `Provider.generate`."""
        if not isinstance(settings, BflProRender | BflUltraRender) or image is not None:
            raise ConfigurationError(f"BFL does not render with {settings.endpoint}; choose another endpoint")
        document = {
            "finetune_id": job_id,
            "prompt": prompt,
            "seed": seed,
            **settings.model_dump(mode="json", exclude={"endpoint"}),
        }
        answer = self._transport.call("POST", f"/v1/{settings.endpoint}", json=document)
        accepted = answer.json()
        url = accepted.get("polling_url") if isinstance(accepted, dict) else None
        if not isinstance(url, str):
            raise UnexpectedAnswer("the answer names no polling_url", **answer.details)
        self._expect_host(url, answer)
        return self._sample(url)

    def _sample(self, polling_url: str) -> RenderedPicture:
        """Poll until the picture is there, and fetch it. It is billed by now: what may pass is waited for."""
        until = time.monotonic() + _LONGEST_WAIT_S
        trouble = "the picture is still pending after five minutes"
        while True:
            try:
                # Polling needs no key, and the address may be on another host than the key's.
                answer = self._transport.get(polling_url, accept=_WITH_STATE)
                word = _state_word(answer)
                if word == "Ready":
                    return self._download(answer)
            except ProviderUnavailable as error:
                trouble = f"the picture was accepted and cannot be fetched: {error.reason}"
            except RequestRefused as error:
                raise refused_after_acceptance(error) from None
            else:
                # Not found says nothing just after the order.
                if PHASES.get(word) == "failed":
                    raise RequestRefused(f"the picture was not rendered: {word}", **answer.details)
            if time.monotonic() > until:
                raise ProviderUnavailable(trouble, provider=self.name)
            time.sleep(_POLL_PAUSE_S)

    def _download(self, answer: Answer) -> RenderedPicture:
        result = answer.json().get("result")
        sample = result.get("sample") if isinstance(result, dict) else None
        if not isinstance(sample, str):
            raise UnexpectedAnswer("the result names no sample", **answer.details)
        self._expect_host(sample, answer)
        with self._transport.open_stream(sample) as (_, chunks):
            return picture_of(b"".join(chunks), answer)

    def _expect_host(self, url: str, answer: Answer) -> None:
        """Follow an address that the server handed back only to BFL's own hosts or to the API itself."""
        parts, base = urlsplit(url), urlsplit(self._transport.base_url)
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return
        if parts.scheme == "https" and _DELIVERY_HOST.fullmatch(parts.netloc):
            return
        details = {**answer.details, "excerpt": f"{parts.scheme}://{parts.hostname}/…"}
        raise UnexpectedAnswer("the answer points to a host that is not BFL's", **details)


def _state_word(answer: Answer) -> str:
    """The state that a result shows. Raises the mapped error where it shows none."""
    document = answer.json()
    word = document.get("status") if isinstance(document, dict) else None
    if isinstance(word, str):
        return word
    if answer.status != 200:  # noqa: PLR2004
        raise error_for(answer)
    raise UnexpectedAnswer("the result should hold a status", **answer.details)

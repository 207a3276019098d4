"""What every provider looks like from the rest of Tuneloop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, Protocol

from tuneloop.clock import Deadline
from tuneloop.errors import ConfigurationError, ProviderUnavailable
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, JobList, JobStatus, RenderedImage, UploadedDataset


class SubmitMargins(FrozenModel):
    """How long a submit may stay in doubt. Seconds."""

    claim_s: int = 60
    """From the claim to the last byte of the POST."""
    arrival_s: int = 120
    """From the last byte leaving to its arrival, or the provider's own read time-out."""
    late_acceptance_s: int = 600
    """From arrival to the job's creation."""
    list_lag_s: int = 300
    """From the job's creation to its showing in the list."""
    clock_skew_s: int = 60
    """Between two hosts of ours."""

    @property
    def in_doubt(self) -> timedelta:
        """From the claim's deadline until absence from the list means that nothing was submitted."""
        return timedelta(seconds=self.arrival_s + self.late_acceptance_s + self.list_lag_s + self.clock_skew_s)


class Capabilities(FrozenModel):
    """What a provider can do."""

    upload: bool
    """The dataset is uploaded before the submit; else it travels within it."""
    public_url: bool
    """The provider fetches a dataset from a public address."""
    list_has_status: bool
    """One list call shows the state of every job; else each job is asked for by itself."""
    list_is_complete: bool
    """A job that is absent from the list long enough was never accepted."""
    weights: bool
    """The trained weights can be downloaded; else the model is used by its id."""
    cancel: bool
    """A running job can be stopped."""
    visibility: bool
    """A model can be made public or private."""
    webhook: bool
    """The provider can tell of changes by itself."""
    takes_trainings: str
    """What the provider's own notices say about new trainings."""


class Archive(Protocol):
    """A zip that can be streamed again and again, with the same bytes each time."""

    @property
    def size_bytes(self) -> int:
        """Its size, known before it is written."""

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, from the start."""


class NamesKnown(Protocol):
    """Where the names of jobs are kept that a provider tells only one by one."""

    def get(self, job_id: str) -> str | None:
        """The name of a job, None where nobody has asked yet."""

    def keep(self, job_id: str, name: str) -> None:
        """Keep a name; it never changes."""


class SourceChanged(ProviderUnavailable):
    """The file is another one than a moment ago: ask for it anew, and begin again."""


class Provider(ABC):
    """One account at one provider.

    Every method raises a `ProviderError`: `ProviderUnavailable` where asking again may help,
    `RequestRejected` where the provider said no, `UnexpectedResponse` where it is not as documented.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    margins: ClassVar[SubmitMargins] = SubmitMargins()
    account: Account
    names_known: NamesKnown | None = None
    """Where to look for names before the provider is asked; None asks each time."""

    @property
    @abstractmethod
    def base_url(self) -> str:
        """Where the account's API lives."""

    @property
    @abstractmethod
    def requests_made(self) -> int:
        """Requests that this client has made."""

    @property
    @abstractmethod
    def clock_offset_s(self) -> float | None:
        """Seconds by which the provider's clock is ahead of ours; None before it was heard."""

    @abstractmethod
    def upload(self, archive: Archive) -> UploadedDataset:
        """Bring the zip to where the provider can fetch it, and prove that it is there. Costs nothing."""

    @abstractmethod
    def submit(
        self,
        name: str,
        recipe: BaseRecipe,
        dataset: UploadedDataset,
        archive: Archive,
        deadline: Deadline,
    ) -> str:
        """Submit a paid training, exactly once.

        Args:
            name: The job's name, by which it is found again.
            recipe: The recipe, as validated.
            dataset: What `upload` has returned.
            archive: The zip itself, for providers that take it within the submit.
            deadline: Past it, nothing leaves.

        Returns:
            The provider's id of the job.

        Raises:
            RequestRejected, RateLimited, RequestNotSent: Definitely not accepted.
            ProviderError: Any other one leaves it open.
        """

    @abstractmethod
    def jobs(self) -> JobList:
        """Every job of the account, from one list."""

    @abstractmethod
    def status(self, job_id: str) -> JobStatus:
        """State of one job."""

    @abstractmethod
    def weights(self, job_id: str) -> RangedSource:
        """Find the trained weights, by an address asked for just now."""

    @abstractmethod
    def generate(
        self, job_id: str, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        """Render one image with a trained model. Paid, and sent once.

        Args:
            job_id: The provider's id of the model's job.
            prompt: The prompt as it is sent.
            seed: The seed.
            settings: Which service renders, and how.
            image: The encoded image to edit, for models that edit.
        """

    def set_visibility(self, job_id: str, *, public: bool) -> None:
        """Make a model public or private. Raises `ConfigurationError` where there is no such thing."""
        wanted = "public" if public else "private"
        raise ConfigurationError(
            f"{self.name} cannot make model {job_id} {wanted}; leave its visibility unchanged"
        )

    def find(self, stem: str) -> JobList:
        """Every job of one training, all of its attempts.

        Args:
            stem: What comes before `-g<attempt>` in the jobs' names.
        """
        listed = self.jobs()
        ours = tuple(job for job in listed.jobs if job.name.rpartition("-g")[0] == stem)
        return listed.model_copy(update={"jobs": ours})
